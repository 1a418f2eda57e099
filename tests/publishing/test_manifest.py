import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.common.refusals import Refused
from portal.publishing import manifest

WHOLE = """\
entry = "weekly sales.ipynb"
title = "Weekly sales"
summary = "How much, where."
slug = "weekly-sales"
kind = "report"
audience = "team"
timezone = "Europe/Berlin"

[run]
execute = true
time_limit_seconds = 600
show = "out/index.html"
python = "3.12"

[schedule]
cron = "0 7 * * 1-5"
timezone = "Europe/Berlin"
"""


def refusal_of(text):
    with pytest.raises(Refused) as refused:
        manifest.parse(text.encode() if isinstance(text, str) else text)
    assert refused.value.code == "manifest_invalid"
    return refused.value.message


def test_whole_manifest_is_read():
    assert manifest.parse(WHOLE.encode()) == {
        "entry": "weekly sales.ipynb",
        "title": "Weekly sales",
        "summary": "How much, where.",
        "slug": "weekly-sales",
        "kind": "report",
        "audience": "team",
        "timezone": "Europe/Berlin",
        "run": {
            "execute": True,
            "time_limit_seconds": 600,
            "show": "out/index.html",
            "python": "3.12",
        },
        "schedule": {"cron": "0 7 * * 1-5", "timezone": "Europe/Berlin"},
    }


def test_empty_manifest_wishes_nothing():
    assert manifest.parse(b"\xef\xbb\xbf# nothing\n") == {}


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ('# a\ntitel = "x"', "titel", 2),
        ("entry = 3", "entry", 1),
        ('\n\nentry = "../x"', "entry", 3),
        ('title = ""', "title", 1),
        ('slug = "Weekly Sales"', "slug", 1),
        ('kind = "model"', "kind", 1),
        ('audience = "world"', "audience", 1),
        ('timezone = "../../etc/passwd"', "timezone", 1),
        ("[run]\nexecute = 1", "run.execute", 2),
        ("[run]\npython = 3.12", "run.python", 2),
        ('[run]\npython = "3.12.1"', "run.python", 2),
        ("[run]\ntime_limit_seconds = true", "run.time_limit_seconds", 2),
        ("[run]\n\ntime_limit_seconds = 3601", "run.time_limit_seconds", 3),
        ("run = 3", "run", 1),
        ("[run]\nshow = 1", "run.show", 2),
        ("[run.deeper]\nx = 1", "run.deeper", 1),
        ('title = "x"\n[schedule]\ncron = "61 * * * *"', "schedule.cron", 3),
        ("[schedule]\nevery_minutes = 0", "schedule.every_minutes", 2),
        ('\n[schedule]\ncron = "0 7 * * *"\nevery_minutes = 2', "schedule", 2),
        ("[schedule]", "schedule", 1),
        ('[schedule]\nevery_minutes = 2\ntimezone = "UTC"', "schedule.timezone", 1),
        ("run = { execute = 1 }", "run.execute", 1),
        ("\nrun.execute = 1", "run.execute", 2),
        ('"tit\\u0065l" = 1', "titel", 1),
    ],
)
def test_refusal_names_key_and_line(text, key, line):
    message = refusal_of(text)

    assert f"(line {line}): {key} " in message


def test_unknown_key_is_answered_with_the_known_ones():
    assert "time_limit_seconds" in refusal_of("[run]\ntime_limit = 5")


def test_key_is_looked_for_in_its_own_table():
    message = refusal_of('timezone = "UTC"\n[schedule]\ncron = "0 7 * * *"\ntimezone = "Mars"')

    assert "(line 4)" in message


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"title = ", b"a = 1\na = 2", b"x = " + b"[" * 5000]
)
def test_what_is_no_toml_is_refused(content):
    refusal_of(content)


def test_huge_manifest_is_refused(tmp_path):
    path = tmp_path / "broadsheet.toml"
    path.write_bytes(b"#" * 70_000)

    with pytest.raises(Refused) as refused:
        manifest.read(path)

    assert refused.value.code == "manifest_invalid"


VALUES = st.recursive(
    st.one_of(
        st.text(max_size=20).map(repr),
        st.integers().map(str),
        st.booleans().map(lambda value: str(value).lower()),
        st.sampled_from(['"a"', "nan", "1979-05-27", "{", "[", '"""', "'x'"]),
    ),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
)
KEYS = st.sampled_from(
    [
        "entry",
        "title",
        "slug",
        "run",
        "schedule",
        "run.show",
        "schedule.cron",
        "[run]",
        "[[run]]",
        "x",
    ]
)
LINES = st.one_of(
    st.tuples(KEYS, VALUES).map(" = ".join), KEYS, st.text(max_size=30), st.just("[schedule]")
)


@settings(deadline=None)  # a busy machine is no failure
@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(LINES, max_size=8).map(lambda x: "\n".join(x).encode("utf-8", "surrogatepass")),
    )
)
def test_parse_refuses_or_answers_with_known_keys(content):
    try:
        found = manifest.parse(content)
    except Refused:
        return

    assert set(found) <= {
        "entry", "title", "summary", "slug", "kind", "audience", "timezone", "run", "schedule",
    }  # fmt: skip
