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
secrets = ["WAREHOUSE_PASSWORD", "API_KEY_2"]
queue = "heavy"
resources = ["warehouse", "gpu-1"]

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
            "secrets": ["WAREHOUSE_PASSWORD", "API_KEY_2"],
            "queue": "heavy",
            "resources": ["warehouse", "gpu-1"],
        },
        "schedule": {"cron": "0 7 * * 1-5", "timezone": "Europe/Berlin"},
    }


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('"make report"', "make report"),
        ('["dbt", "run", ""]', ["dbt", "run", ""]),
        ('"""\nmake\nmake report\n"""', "make\nmake report"),
    ],
)
def test_command_is_a_line_or_a_list(text, command):
    assert manifest.parse(f"[run]\ncommand = {text}".encode()) == {"run": {"command": command}}


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
        ("[run]\ncommand = 1", "run.command", 2),
        ('[run]\ncommand = " "', "run.command", 2),
        ("[run]\ncommand = []", "run.command", 2),
        ('[run]\ncommand = ["make", 1]', "run.command", 2),
        ('[run]\ncommand = "a\\u0000b"', "run.command", 2),
        (f'[run]\ncommand = "{"x" * 4001}"', "run.command", 2),
        ("[run]\nshow = 1", "run.show", 2),
        ('[run]\nnetwork = "off"', "run.network", 2),
        ('[run]\nsecrets = "TOKEN"', "run.secrets", 2),
        ("[run]\nqueue = 1", "run.queue", 2),
        ('[run]\nqueue = "Heavy work"', "run.queue", 2),
        (f'[run]\nqueue = "{"q" * 41}"', "run.queue", 2),
        ('[run]\nresources = "warehouse"', "run.resources", 2),
        ('[run]\nresources = ["Ware house"]', "run.resources", 2),
        ('[run]\nresources = ["lake", "lake"]', "run.resources", 2),
        (f"[run]\nresources = {[f'r{number}' for number in range(11)]}", "run.resources", 2),
        ("[run]\nsecrets = [3]", "run.secrets", 2),
        ('[run]\nsecrets = ["TOKEN", "TOKEN"]', "run.secrets", 2),
        ('[run]\nsecrets = ["token"]', "run.secrets", 2),
        ('[run]\nsecrets = ["LD_PRELOAD"]', "run.secrets", 2),
        (f"[run]\nsecrets = {[f'T{number}' for number in range(31)]}", "run.secrets", 2),
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
        "[[schedules]]",
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
        "schedules",
    }  # fmt: skip


SCHEDULES = """\
[[schedules]]
cron = "0  7 * * 1-5"
timezone = "Europe/Berlin"

[[schedules]]
name = "closing"
workday = -1
period = "quarter"
at = "06:30"
calendar = "germany"
fresh_by = "08:00"
priority = "high"

[[schedules]]
name = "follow"
after = ["claims", "orders:emea"]
needs = "any"
paused = true
"""


def test_schedules_are_read_as_they_stand_there():
    plain, closing, follow = manifest.parse(SCHEDULES.encode())["schedules"]

    assert plain == {
        "name": "default",
        "variant": "default",
        "cron": "0 7 * * 1-5",
        "timezone": "Europe/Berlin",
    }
    assert (closing["workday"], closing["at"], closing["priority"]) == (-1, "06:30", "high")
    assert (follow["after"], follow["paused"]) == (["claims", "orders:emea"], True)


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("[[schedules]]\nname = 'a'", "schedules.cron", 1),
        ("[[schedules]]\ncron = '0 7 * * *'\nevery_minutes = 5", "schedules.every_minutes", 3),
        ("[[schedules]]\narrival = true\n[[schedules]]\narrival = true", "schedules.name", 3),
        ("[schedule]\nevery_minutes = 5\n[[schedules]]\narrival = true", "schedules.name", 3),
        ("[[schedules]]\ncron = '0 25 * * *'", "schedules.cron", 2),
        ("[[schedules]]\nworkday = 0\nat = '07:00'", "schedules.workday", 2),
        ("[[schedules]]\nworkday = 1", "schedules.at", 1),
        ("[[schedules]]\nworkday = 1\nat = '7:00'", "schedules.at", 3),
        ("[[schedules]]\nevery_minutes = 5\nat = '07:00'", "schedules.at", 3),
        ("[[schedules]]\nevery_minutes = 5\nneeds = 'any'", "schedules.needs", 3),
        ("[[schedules]]\nevery_minutes = 5\non_holidays = 'skip'", "schedules.calendar", 1),
        ("[[schedules]]\narrival = true\non_holidays = 'skip'", "schedules.on_holidays", 3),
        ("[[schedules]]\narrival = false", "schedules.arrival", 2),
        ("[[schedules]]\nafter = []", "schedules.after", 2),
        ("[[schedules]]\nafter = ['A b']", "schedules.after", 2),
        ("[[schedules]]\nafter = ['a', 'a']", "schedules.after", 2),
        ("[[schedules]]\narrival = true\npriority = 1", "schedules.priority", 3),
        ("[[schedules]]\narrival = true\nretries = 11", "schedules.retries", 3),
        ("[[schedules]]\narrival = true\n\nretry = 1", "schedules.retry", 4),
        ("[[schedules]]\narrival = true\nname = 'A'", "schedules.name", 3),
        ("[[schedules]]\narrival = true\ntimezone = 'Mars'", "schedules.timezone", 3),
        ("schedules = 3", "schedules", 1),
    ],
)
def test_refusal_of_a_schedule_names_key_and_line(text, key, line):
    assert f"(line {line}): {key} " in refusal_of(text)


CHECKS = """\
title = "x"

[[checks]]
file = "orders.csv"
column = "amount"
rule = "range"
min = 0

[[checks]]
name = "enough revenue"
metric = "revenue"
rule = "change"
change = 20
severity = "warn"
"""


def test_checks_are_read_with_their_defaults():
    assert manifest.parse(CHECKS.encode())["checks"] == [
        {
            "file": "orders.csv",
            "column": "amount",
            "rule": "range",
            "min": 0,
            "severity": "block",
            "stage": "output",
            "masked": [],
            "name": "orders.csv amount: range",
        },
        {
            "name": "enough revenue",
            "metric": "revenue",
            "rule": "change",
            "change": 20,
            "severity": "warn",
            "stage": "metrics",
        },
    ]


@pytest.mark.parametrize(
    ("before", "after", "key", "line"),
    [
        ("min = 0", "mini = 0", "checks.mini", 7),
        ("min = 0", 'min = "0"', "checks.min", 7),
        ("min = 0", "min = nan", "checks.min", 7),
        ("min = 0", "min = 2\nmax = 1", "checks.max", 8),
        ("min = 0\n", "", "checks.min is missing", 3),
        ('column = "amount"\n', "", "checks.column is missing", 3),
        ('file = "orders.csv"\n', "", "checks.file is missing", 3),
        ("orders.csv", "../orders.csv", "checks.file", 4),
        ("orders.csv", "orders.xlsx", "checks.file", 4),
        ('rule = "range"', 'rule = "ranges"', "checks.rule", 6),
        ('rule = "range"', "rule = []", "checks.rule", 6),
        ('rule = "range"\nmin = 0', 'rule = "type"', "checks.type is missing", 3),
        ('rule = "range"\nmin = 0', 'rule = "type"\ntype = "int"', "checks.type", 7),
        ('rule = "range"\nmin = 0', 'rule = "allowed"\nvalues = []', "checks.values", 7),
        ('rule = "range"\nmin = 0', 'rule = "fresh"\nhours = 0', "checks.hours", 7),
        ("min = 0", 'min = 0\nmasked = "email"', "checks.masked", 8),
        ("min = 0", 'min = 0\nstage = "metrics"', "checks.stage", 8),
        ("min = 0", 'min = 0\nname = "a\\u0000b"', "checks.name", 8),
        ("change = 20", "change = -1", "checks.change", 13),
        ("change = 20\n", "", "checks.change is missing", 9),
        ('"warn"', '"fatal"', "checks.severity", 14),
        ('metric = "revenue"', 'metric = "revenue"\nfile = "a.csv"', "checks.file", 12),
    ],
)
def test_refused_check_names_key_and_line(before, after, key, line):
    assert CHECKS.count(before) == 1

    message = refusal_of(CHECKS.replace(before, after))

    assert message.startswith(f"broadsheet.toml (line {line}): {key}")


@pytest.mark.parametrize("text", ["checks = 3", "checks = [3]", "[checks]\nfile = 1"])
def test_checks_must_be_tables(text):
    assert "(line 1): checks must be tables" in refusal_of(text)


def test_inline_check_is_named_by_its_list():
    assert "(line 2): checks.rule" in refusal_of('\nchecks = [{file = "a.csv", rule = "x"}]')


def test_there_is_an_end_to_checks():
    one = '[[checks]]\nfile = "a.csv"\nrule = "rows"\nmin = 1\n'

    assert len(manifest.parse((one * 100).encode())["checks"]) == 100
    assert "checks must be at most 100" in refusal_of(one * 101)
