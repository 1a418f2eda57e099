import pytest

from portal.publishing import jsonfiles
from portal.publishing.formats import Refused


@pytest.mark.parametrize("word", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"9" * 400])
def test_numbers_that_browsers_cannot_hold_become_null(word: bytes) -> None:
    assert jsonfiles.parse(b'{"y": [1.5, ' + word + b"]}") == {"y": [1.5, None]}


def test_characters_that_databases_refuse_are_replaced() -> None:
    content = rb'{"a\u0000": ["\ud800", "\ud83d\ude00"]}'

    assert jsonfiles.parse(content) == {"a\ufffd": ["\ufffd", "😀"]}


def test_byte_order_mark_is_dropped() -> None:
    assert jsonfiles.parse(b"\xef\xbb\xbf[1]") == [1]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1] 2",
        b'{"a": 1, "a": 2}',
        b"9" * 5000,
        '["ä"]'.encode("latin-1"),
        b'["a\x00b"]',
    ],
)
def test_what_is_not_json_is_refused(content: bytes) -> None:
    with pytest.raises(Refused) as refused:
        jsonfiles.parse(content)

    assert refused.value.code == "not_json"


@pytest.mark.parametrize("depth", [jsonfiles.DEPTH_LIMIT + 1, 900, 100_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    with pytest.raises(Refused) as refused:
        jsonfiles.parse(b"[" * depth + b"]" * depth)

    assert refused.value.code == "json_too_deep"


def test_nesting_up_to_the_limit_is_taken() -> None:
    depth = jsonfiles.DEPTH_LIMIT

    assert jsonfiles.parse(b"[" * depth + b"]" * depth)


def test_storable_is_taken_by_every_database():
    value = {"a": [float("nan"), float("inf"), 1.5, "x\0y\ud800", None, True], 1: ("b",)}

    assert jsonfiles.storable(value) == {
        "a": [None, None, 1.5, "x\ufffdy\ufffd", None, True],
        "1": ["b"],
    }
