import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.common.ranges import Part, Unsatisfiable, requested


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", range(1)),
        ("bytes=2-4", range(2, 5)),
        ("bytes=2-", range(2, 10)),
        ("bytes=8-99", range(8, 10)),
        ("bytes=-3", range(7, 10)),
        ("bytes=-99", range(10)),
    ],
)
def test_requested_range_is_the_bytes_asked_for(header: str, expected: range) -> None:
    assert requested(header, 10) == expected


@pytest.mark.parametrize(
    "header",
    ["", "bytes=", "bytes=-", "bytes=4-2", "bytes=0-1,4-5", "lines=0-1", "bytes=a-b", "0-1"],
)
def test_requested_range_that_may_be_ignored_is_none(header: str) -> None:
    assert requested(header, 10) is None


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_requested_range_outside_the_file_is_unsatisfiable(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        requested(header, 10)


def test_requested_range_of_an_empty_file_is_unsatisfiable() -> None:
    with pytest.raises(Unsatisfiable):
        requested("bytes=-5", 0)


def test_requested_range_with_absurd_numbers_is_ignored() -> None:
    assert requested(f"bytes=0-{'9' * 5000}", 10) is None


@given(data=st.binary(max_size=200), first=st.integers(0, 250), last=st.integers(0, 250))
def test_part_reads_what_slicing_gives(data: bytes, first: int, last: int) -> None:
    part = range(first, last)
    reader = Part(io.BytesIO(data), part)

    chunks = list(iter(lambda: reader.read(7), b""))

    assert b"".join(chunks) == data[first:last]


def test_part_closes_its_stream() -> None:
    stream = io.BytesIO(b"abc")

    Part(stream, range(1)).close()

    assert stream.closed
