"""What is blacked out of the words of authors' code."""

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.runs.masking import MASK, SHORTEST, Masking

VALUE = 'pä55/wörd+"2&%'
PEM = "-----BEGIN KEY-----\nMIIB+w/==\nabc\n-----END KEY-----\n"
VALUES = st.text(st.characters(codec="utf-8"), min_size=SHORTEST, max_size=30)


@pytest.mark.parametrize(
    "said",
    [
        VALUE,
        json.dumps(VALUE)[1:-1],
        json.dumps(VALUE, ensure_ascii=False)[1:-1],
        repr(VALUE),
        repr(VALUE.encode()),
        quote(VALUE),
        quote(VALUE, safe=""),
        re.sub("%..", lambda one: one[0].lower(), quote(VALUE, safe="")),
        quote_plus(VALUE),
        html.escape(VALUE),
        html.escape(VALUE, quote=False),
        base64.b64encode(VALUE.encode()).decode(),
        base64.urlsafe_b64encode(VALUE.encode()).decode(),
    ],
)
def test_usual_ways_to_write_a_value_are_masked(said: str) -> None:
    masked = Masking([VALUE])(f"url=postgres://me:{said}@host")

    shown = masked.removeprefix("url=postgres://me:").removesuffix("@host")
    assert MASK in shown
    assert len(shown) <= len(f"b'{MASK}'==")


def test_value_that_was_kept_with_a_line_end_is_masked_without_it_too() -> None:
    masked = Masking(["correct-horse-battery\n"])(
        base64.b64encode(b"me:correct-horse-battery").decode()
    )

    assert MASK in masked
    assert "ZS1iYXR0" not in masked


@pytest.mark.parametrize("user", ["", "u", "us", "use", "user"])
def test_value_is_masked_within_a_longer_base64(user: str) -> None:
    value = "correct-horse-battery"

    header = base64.b64encode(f"{user}:{value}:x".encode()).decode()

    masked = Masking([value])(f"Authorization: Basic {header}")
    assert len(masked) <= len("Authorization: Basic ") + len(MASK) + 16


def test_lines_of_a_value_are_masked_by_themselves() -> None:
    masked = Masking([PEM])

    assert masked(f"key: {PEM}.") == f"key: {MASK}."
    assert [masked(line) for line in PEM.splitlines()] == [MASK, MASK, "abc", MASK]


def test_value_that_is_too_short_is_not_masked() -> None:
    assert Masking(["abc"])("abc abc") == "abc abc"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("token correct-hor…", f"token {MASK}"),
        ("token correct-hor", f"token {MASK}"),
        ("battery or not", "battery or not"),
        ("se-battery or not", f"{MASK} or not"),
        ("it is correct", "it is correct"),
    ],
)
def test_part_of_a_value_is_masked_where_it_was_cut(said: str, shown: str) -> None:
    assert Masking(["correct-horse-battery"])(said) == shown


def test_texts_inside_json_are_masked_and_the_rest_is_kept() -> None:
    said = {"name": ["hush-hush", 1, None, True, 2.5], "hush-hush": {"a": "b"}}

    masked = Masking(["hush-hush"])

    assert masked.inside(said) == {"name": [MASK, 1, None, True, 2.5], MASK: {"a": "b"}}
    assert json.loads(masked.line(json.dumps(said))) == masked.inside(said)


@pytest.mark.parametrize("line", ["[" * 100_000, "{hush-hush", "1" * 5000])
def test_line_that_is_no_json_is_masked_as_text(line: str) -> None:
    assert "hush-hush" not in Masking(["hush-hush"]).line(line)


def test_nothing_changes_without_secrets() -> None:
    assert Masking()("any text …") == "any text …"
    assert Masking().line("{ }") == "{ }"


@given(VALUES, st.lists(VALUES, max_size=2), st.text(), st.text())
def test_masked_text_never_contains_a_value(
    value: str, others: list[str], before: str, after: str
) -> None:
    masked = Masking([value, *others])(f"{before}{value}{after}")

    assert not [one for one in (value, *others) if one in masked]


@given(VALUES, st.text(max_size=5), st.text(max_size=5))
def test_value_is_found_in_any_base64_that_holds_it(value: str, before: str, after: str) -> None:
    written = base64.b64encode(f"{before}{value}{after}".encode()).decode()

    assert MASK in Masking([value])(written)
