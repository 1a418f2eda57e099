"""The file of what the code says: read while it grows, whatever is done to it."""

from pathlib import Path

import pytest

from portal.runs.mailbox import LONGEST_LINE, MOST_BYTES, mailbox

WORDS = ["one", "two", "three"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "said"


def test_lines_are_handed_out_once_as_they_come(path: Path) -> None:
    with mailbox(path) as box, path.open("a", buffering=1) as file:
        file.write("one\ntw")
        file.flush()
        first = list(box.lines())
        file.write("o\n\nthree")
        file.flush()
        second = list(box.lines())

        assert (first, second) == (["one"], ["two"])
        assert list(box.last_lines()) == ["three"]
        assert list(box.last_lines()) == []


@pytest.mark.parametrize(
    ("until", "first"),
    [(-1, []), (4, ["one"]), (6, ["one"]), (8, ["one", "two"]), (1 << 80, WORDS)],
)
def test_lines_beyond_the_wanted_bytes_wait(path: Path, until: int, first: list[str]) -> None:
    with mailbox(path) as box:
        path.write_text("one\ntwo\nthree\n")

        assert list(box.lines(until)) == first
        assert list(box.lines()) == WORDS[len(first) :]


def test_line_beyond_the_limit_is_dropped_and_the_next_is_read(path: Path) -> None:
    with mailbox(path) as box:
        path.write_text("x" * 3 * LONGEST_LINE + "\nshort\n")

        assert list(box.lines()) == ["short"]
        assert box.dropped == 1


def test_endless_words_have_an_end(path: Path) -> None:
    with mailbox(path) as box:
        path.write_text("word\n" * (MOST_BYTES // 5 + 100_000))

        assert len(list(box.last_lines())) < MOST_BYTES // 5 + 100_000
        assert box.dropped == 1


def test_file_in_its_place_is_never_read(path: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret\n")

    with mailbox(path) as box:
        path.unlink()
        path.symlink_to(secret)

        assert list(box.last_lines()) == []


def test_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("kept")
    path.symlink_to(kept)

    with pytest.raises(OSError, match="symbolic"), mailbox(path):
        pass

    assert kept.read_text() == "kept"


def test_bytes_that_are_no_text_are_read_all_the_same(path: Path) -> None:
    with mailbox(path) as box:
        path.write_bytes(b"\xff\n")

        assert list(box.lines()) == ["\ufffd"]
