import unicodedata
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from portal.publishing.names import (
    BadName,
    display_name,
    is_hidden,
    safe_path,
    same_on_some_disk,
    stored_name,
)

# What attackers combine, and what anybody types.
PIECES = st.sampled_from(
    ["..", ".", "/", "\\", "%2e", "%2E", "%2f", "%5c", "%252e", "%00", "\0", "C:", "a", "é", "e\u0301",
     "．", "／", "\u202e", "\u200b", "\ud800", " ", "CON", ".csv", "~", "\n", "x" * 300]
)  # fmt: skip
NAMES = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=12).map("".join))
ROOT = Path("/srv/bundle")


def stays_in_root(path):
    return (ROOT / path).resolve().is_relative_to(ROOT)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("index.html", "index.html"),
        ("./figures/a b.png", "figures/a b.png"),
        ("figures//a.png", "figures/a.png"),
        ("50% off.html", "50% off.html"),
        ("2026-01-01T10:00.html", "2026-01-01T10:00.html"),
        ("cafe\u0301.html", "café.html"),
        ("_rels/.rels", "_rels/.rels"),
        ("a..b.html", "a..b.html"),
    ],
)
def test_safe_path_keeps_what_a_page_may_refer_to(name, path):
    assert safe_path(name) == path


@pytest.mark.parametrize(
    "name",
    [
        "../x", "a/../x", "/etc/passwd", "..\\x", "a\\b", "C:/x", "c:x", "//host/share", "",
        "./", "%2e%2e/x", "..%2fx", "%252e%252e%252fx", "a%00b", "a\0b", "a\nb", "\u202egnp.html",
        "re\u200bport.html", "．．/x", "\ud800.html", "/".join(["d"] * 17), "x" * 201, "é" * 101,
    ],
)  # fmt: skip
def test_safe_path_refuses_what_others_may_take_for_another_place(name):
    with pytest.raises(BadName):
        safe_path(name)


@settings(deadline=None)  # a busy machine is no failure
@given(NAMES)
@example("%2e%2e%2f%2e%2e%2fx.csv")
def test_safe_path_never_escapes(name):
    try:
        path = safe_path(name)
    except BadName:
        return

    for seen in (path, unquote(path), unquote(unquote(path)), unicodedata.normalize("NFKC", path)):
        assert stays_in_root(seen)
    assert (ROOT / path).resolve() != ROOT
    assert safe_path(path) == path


@settings(deadline=None)  # a busy machine is no failure
@given(NAMES)
@example("../../../../tmp/x.csv")
@example("．．／x.csv")
def test_stored_name_never_escapes(name):
    stored = stored_name(name)

    assert "/" not in stored
    assert not stored.startswith(".")
    assert stays_in_root(stored)
    assert safe_path(stored) == stored


@settings(deadline=None)  # a busy machine is no failure
@given(NAMES)
def test_display_name_is_one_clean_line(name):
    shown = display_name(name)

    assert shown == " ".join(shown.split())
    assert not {"/", "\\", "\0", "\u202e", "\u200b"} & set(shown)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("C:\\Windows\\x.csv", "x.csv"),
        ('a";filename="b.exe".csv', "a_filename_b.exe.csv"),
        ("report\u202egnp.csv", "reportgnp.csv"),
        ("$(mkdir x)`id`;|&.csv", "(mkdir x)_id.csv"),
        ("CON.csv", "file_CON.csv"),
        (".csv", "file.csv"),
        ("😀.csv", "file.csv"),
        ("MODEL_CARD.md", "MODEL_CARD.md"),
        ("Über Umsätze (2026).html", "Über Umsätze (2026).html"),
    ],
)
def test_stored_name_is_plain(name, stored):
    assert stored_name(name) == stored


def test_names_that_differ_in_case_or_form_are_one():
    assert same_on_some_disk("Café.html") == same_on_some_disk("CAFE\u0301.HTML")
    assert same_on_some_disk("a.html") != same_on_some_disk("b.html")


@pytest.mark.parametrize(
    ("path", "hidden"),
    [
        (".env", True),
        ("a/.git/x", True),
        ("a/b.c", False),
        (".python-version", False),
        (".git/.python-version", True),
    ],
)
def test_hidden_files_are_known_by_their_dot(path, hidden):
    assert is_hidden(path) is hidden
