"""Parameters: what authors declare, what people say, and what code is given."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.common.refusals import Refused
from portal.publishing import manifest, parameters
from portal.publishing.parameters import BadValues

MONDAY = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
WHOLE = """\
entry = "sales.py"

[parameters.region]
type = "choice"
choices = ["EMEA", "APAC"]
default = "EMEA"
help = "Where the customer is."

[parameters.month]
type = "date"
granularity = "month"
default = "Last month"
label = "Reporting month"

[parameters.until]
type = "date"
default = 2026-03-31

[parameters.limit]
type = "number"
whole = true
min = 1
max = 100
default = 10

[parameters.code]
type = "string"
pattern = "[A-Z]{2}[0-9]+"
max_length = 5
default = "DE1"

[parameters.net]
type = "boolean"
default = false

[[variants]]
slug = "apac"
title = "Asia and Pacific"
parameters = { region = "APAC", net = true }

[[variants]]
slug = "late"
[variants.parameters]
month = "2 months ago"
"""
SPEC = manifest.parse(WHOLE.encode())["parameters"]


def refusal_of(text: str) -> str:
    with pytest.raises(Refused) as refused:
        manifest.parse(text.encode())
    assert refused.value.code == "manifest_invalid"
    return refused.value.message


def errors_of(**values: Any) -> dict[str, str]:
    with pytest.raises(BadValues) as bad:
        parameters.read(SPEC, values)
    return bad.value.errors


# ---- declared ----


def test_parameters_are_kept_in_their_order_with_every_default() -> None:
    assert [one["name"] for one in SPEC] == ["region", "month", "until", "limit", "code", "net"]
    assert SPEC[0] == {
        "name": "region",
        "type": "choice",
        "label": "Region",
        "help": "Where the customer is.",
        "choices": ["EMEA", "APAC"],
        "default": "EMEA",
    }
    assert [one["default"] for one in SPEC[1:3]] == ["previous month", "2026-03-31"]
    assert SPEC[1]["label"] == "Reporting month"


def test_variants_are_kept_as_settings() -> None:
    assert manifest.parse(WHOLE.encode())["variants"] == [
        {
            "slug": "apac",
            "title": "Asia and Pacific",
            "parameters": {"region": "APAC", "net": True},
        },
        {"slug": "late", "title": "late", "parameters": {"month": "2 months ago"}},
    ]


def declared(lines: str, name: str = "region") -> str:
    return f'entry = "a.py"\n[parameters.{name}]\n{lines}\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (declared("default = 1"), "(line 2): parameters.region.type must be one of string, number"),
        (
            declared('type = "string"\ndefault = ""\nmin = 1'),
            "(line 5): parameters.region.min does not go with type = 'string'; known are default, help,",
        ),
        (declared('type = "boolean"'), "(line 2): parameters.region.default is missing: the def"),
        (declared('type = "boolean"\ndefault = 1'), "(line 4): parameters.region.default must be"),
        (declared('type = "choice"\ndefault = "a"'), "parameters.region.choices is missing"),
        (
            declared('type = "choice"\nchoices = ["a"]\ndefault = "b"'),
            "(line 5): parameters.region.default is not a choice; there are a.",
        ),
        (
            declared('type = "choice"\nchoices = ["a", "a"]\ndefault = "a"'),
            "(line 4): parameters.region.choices has one of them twice",
        ),
        (
            declared('type = "number"\nmin = 3\nmax = 2\ndefault = 3'),
            "(line 5): parameters.region.max must not be less than min",
        ),
        (declared('type = "number"\ndefault = nan'), "default must be a number"),
        (declared('type = "date"\ndefault = "soon"'), "default must be a date such as 2026-03-31"),
        (
            declared('type = "string"\npattern = "(a*)*b"\ndefault = ""'),
            "(line 4): parameters.region.pattern must do without groups",
        ),
        (
            declared('type = "string"\npattern = "[a"\ndefault = ""'),
            "(line 4): parameters.region.pattern must be a regular expression",
        ),
        (declared("", name="class"), "(line 2): parameters.class cannot be a variable in code"),
        (declared("", name='"a b"'), "(line 2): parameters.a b cannot be a variable in code"),
        ("[parameters]\nregion = 1", "(line 2): parameters.region must be a table"),
        ("parameters = 1", "(line 1): parameters must be a table"),
        (
            "".join(f'[parameters.p{n}]\ntype = "boolean"\ndefault = true\n' for n in range(31)),
            "parameters must be at most 30",
        ),
        (
            WHOLE.replace('region = "APAC"', 'region = "LATAM"'),
            "(line 39): variants.parameters do not fit: Region “LATAM” is not a choice",
        ),
        (WHOLE + '[[variants]]\nslug = "apac"', "(line 46): variants.slug stands here twice: apac"),
        (WHOLE + '[[variants]]\nslug = "default"', "variants.slug must not be default"),
        (WHOLE + '[[variants]]\nslug = "x"\ncolour = 1', "variants.colour is not known here"),
        ("variants = 1", "(line 1): variants must be tables, each below [[variants]]"),
    ],
)
def test_declaration_is_refused_with_key_and_line(text: str, expected: str) -> None:
    assert expected in refusal_of(text)


# ---- what a person says ----


def test_texts_of_a_form_are_read() -> None:
    typed = {
        "region": "APAC",
        "month": " last  Month",
        "until": "",
        "limit": " 7 ",
        "code": "FR12",
        "net": "yes",
    }

    assert parameters.read(SPEC, typed) == {
        "region": "APAC",
        "month": "previous month",
        "limit": 7,
        "code": "FR12",
        "net": True,
    }


def test_every_wrong_field_has_a_sentence() -> None:
    assert errors_of(region="LATAM", limit="7.5", colour="red") == {
        "region": "Region “LATAM” is not a choice; there are EMEA, APAC.",
        "limit": "Limit “7.5” must be a whole number.",
        "colour": "“colour” is not a parameter of this version; there are region, month, until, limit, "
        "code, net.",
    }


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("limit", "0", "must be at least 1"),
        ("limit", 101, "must be at most 100"),
        ("limit", True, "must be a number"),
        ("limit", "nan", "must be a number"),
        ("limit", "١", "must be a number"),
        ("limit", "1e999", "must be a number"),
        ("code", "DE1234", "is longer than 5 characters"),
        ("code", "de1", "must look like [A-Z]{2}[0-9]+"),
        ("code", "DE\n", "must not hold line breaks"),
        ("code", 5, "must be a text"),
        ("net", "perhaps", "must be yes or no"),
        ("until", "soon", "must be a date such as 2026-03-31"),
        ("month", "2026-13", "must be a month such as 2026-03"),
        ("month", 7, "must be a month such as 2026-03"),
        ("region", ["EMEA"], "is not a choice"),
    ],
)
def test_value_that_does_not_fit_is_told(name: str, value: object, problem: str) -> None:
    assert problem in errors_of(**{name: value})[name]


# ---- what code is given ----


def test_code_is_given_a_value_for_every_parameter() -> None:
    given_to_code = parameters.resolve(
        SPEC, {"region": "APAC", "until": "yesterday"}, MONDAY, "Europe/Berlin"
    )

    assert given_to_code == {
        "region": "APAC",
        "month": "2026-10-01",
        "until": "2026-11-15",
        "limit": 10,
        "code": "DE1",
        "net": False,
    }
    assert parameters.in_words(SPEC, given_to_code)[:3] == [
        ("Region", "APAC"),
        ("Reporting month", "2026-10"),
        ("Until", "2026-11-15"),
    ]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Pacific/Kiritimati", "2026-11-17"),
        ("UTC", "2026-11-16"),
        ("America/Los_Angeles", "2026-11-16"),
    ],
)
def test_today_is_the_day_in_the_publications_zone(zone: str, expected: str) -> None:
    evening = datetime(2026, 11, 16, 12, 0, tzinfo=UTC)

    assert parameters.resolve(SPEC, {"until": "today"}, evening, zone)["until"] == expected


def test_value_that_no_longer_fits_stops_before_code_runs() -> None:
    with pytest.raises(BadValues, match="Region “LATAM” is not a choice"):
        parameters.resolve(SPEC, {"region": "LATAM"}, MONDAY, "UTC")


def test_date_out_of_reach_is_told() -> None:
    with pytest.raises(BadValues, match="is no date within the years 1 to 9999"):
        parameters.resolve(SPEC, {"until": "3000 years ago"}, MONDAY, "UTC")


TEXTS = st.sampled_from(
    [
        "",
        "yesterday",
        "previous month",
        "2026-10",
        "last day of last week",
        "3 months ago",
        "7",
        "no",
    ]
) | st.text(max_size=8)
VALUES = st.dictionaries(
    st.sampled_from([one["name"] for one in SPEC]),
    TEXTS | st.booleans() | st.integers() | st.floats() | st.none(),
)


@given(VALUES, st.integers(0, 2**32))
def test_reading_again_changes_nothing_and_rerun_resolves_to_the_same(
    values: dict[str, Any], seconds: int
) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    try:
        kept = parameters.read(SPEC, values)
    except BadValues as bad:
        fitting = {name: value for name, value in values.items() if name not in bad.errors}
        kept = parameters.read(SPEC, fitting)

    first = parameters.resolve(SPEC, kept, at, "Europe/Berlin")

    assert parameters.read(SPEC, kept) == kept
    assert parameters.resolve(SPEC, kept, at, "Europe/Berlin") == first
    assert first.keys() == {one["name"] for one in SPEC}
    assert parameters.resolve(SPEC, first, at + timedelta(days=400), "UTC") == first
