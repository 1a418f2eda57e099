"""`[[schedules]]` in `broadsheet.toml`: when an author wants the code to be run, judged strictly.

    [[schedules]]
    name = "closing"
    workday = 3                  # or cron, every_minutes, after, arrival
    at = "06:30"
    calendar = "germany"
    fresh_by = "08:00"

Without Django, because child processes import it. What only the portal knows (calendars, other publications)
is judged when the schedule is set.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from portal.publishing.declarations import BadKey

JSON = Any
Declared = dict[str, JSON]

MOST_SCHEDULES = 20
MOST_UPSTREAMS = 10
LONGEST_CRON = 120
SLUG = r"[a-z0-9]+(?:-[a-z0-9]+)*"

KINDS = ("cron", "every_minutes", "workday", "after", "arrival")
ONLY_WITH = {"at": ("workday",), "period": ("workday",), "needs": ("after",)}
CLOCKED = ("cron", "every_minutes", "workday")


def declared(table: Mapping[str, object]) -> Declared:
    """One schedule as it stands there, checked; its name is `default` unless it has one.

    :raises BadKey: with the first key that is unknown, missing or ill-typed.
    """
    for key in table:
        if key not in _RULES:
            raise BadKey(key, f"is not a known key; known are {', '.join(sorted(_RULES))}")
    schedule = {key: _RULES[key](key, value) for key, value in table.items()}
    _check_kind(schedule)
    return {"name": "default", "variant": "default"} | schedule


def check_all(schedules: list[Declared]) -> int | None:
    """The number, from 0, of the first that has the name of another one for the same variant."""
    seen = set()
    for number, one in enumerate(schedules):
        key = (one["variant"], one["name"])
        if key in seen:
            return number
        seen.add(key)
    return None


def _check_kind(schedule: Declared) -> None:
    given = [key for key in KINDS if key in schedule]
    if len(given) != 1:
        key = given[1] if given else "cron"
        raise BadKey(key, f"is one of {', '.join(KINDS)}: give exactly one of them")
    kind = given[0]
    for key, kinds in ONLY_WITH.items():
        if key in schedule and kind not in kinds:
            raise BadKey(key, f"only goes with {kinds[0]}")
    if kind == "workday" and "at" not in schedule:
        raise BadKey("at", 'is missing: say at what time, such as "07:00"')
    holidays = schedule.get("on_holidays", "run")
    if holidays != "run" and kind not in CLOCKED:
        raise BadKey("on_holidays", f"only goes with {', '.join(CLOCKED)}")
    if holidays != "run" and "calendar" not in schedule:
        raise BadKey("calendar", "is missing: name the one that says which days are off")


def _text(pattern: str, problem: str) -> Callable[[str, object], str]:
    def rule(key: str, value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise BadKey(key, problem)
        return value

    return rule


def _one_of(*choices: str) -> Callable[[str, object], str]:
    def rule(key: str, value: object) -> str:
        if value not in choices:
            raise BadKey(key, f"must be one of {', '.join(choices)}")
        return str(value)

    return rule


def _number(least: int, most: int) -> Callable[[str, object], int]:
    def rule(key: str, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise BadKey(key, f"must be a whole number from {least} to {most}")
        return value

    return rule


def _yes_or_no(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise BadKey(key, "must be true or false")
    return value


def _true(key: str, value: object) -> bool:
    if value is not True:
        raise BadKey(key, "must be true, or not be there")
    return True


def _workday(key: str, value: object) -> int:
    if _number(-262, 262)(key, value) == 0:
        raise BadKey(key, "must be 1, 2, … or from the end -1, -2, …")
    return _number(-262, 262)(key, value)


def _cron(key: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_CRON or len(value.split()) != 5:
        raise BadKey(key, "must be a cron rule: 0 7 * * 1-5")
    try:
        CronSim(value, _ANY_TIME)
    except CronSimError as problem:
        raise BadKey(key, f"must be a cron rule such as 0 7 * * 1-5 ({problem})") from None
    return " ".join(value.split())


def _timezone(key: str, value: object) -> str:
    try:
        return ZoneInfo(str(value) if isinstance(value, str) else "").key
    except (OSError, ValueError, KeyError):
        raise BadKey(key, "must be an IANA time zone: Europe/Berlin") from None


def _after(key: str, value: object) -> list[str]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_UPSTREAMS:
        raise BadKey(key, f'must be a list of 1 to {MOST_UPSTREAMS} slugs: ["claims-daily"]')
    for one in value:
        if not isinstance(one, str) or not re.fullmatch(rf"{SLUG}(:{SLUG})?", one):
            raise BadKey(key, 'must hold slugs, or "slug:variant"')
    if len(set(value)) < len(value):
        raise BadKey(key, "names one twice")
    return list(value)


_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_slug = _text(rf"(?=.{{1,40}}$){SLUG}", "must be lower-case letters, digits and single hyphens")
_clock = _text(r"([01]\d|2[0-3]):[0-5]\d", 'must be a time of day in quotes: "07:00"')
_RULES: dict[str, Callable[[str, object], JSON]] = {
    "name": _slug,
    "variant": _slug,
    "cron": _cron,
    "every_minutes": _number(1, 366 * 24 * 60),
    "workday": _workday,
    "period": _one_of("month", "quarter", "year"),
    "at": _clock,
    "after": _after,
    "needs": _one_of("all", "any"),
    "arrival": _true,
    "timezone": _timezone,
    "calendar": _slug,
    "on_holidays": _one_of("run", "skip", "next"),
    "misfire": _one_of("latest", "skip", "all"),
    "deadline_minutes": _number(1, 7 * 24 * 60),
    "overlap": _one_of("skip", "queue", "cancel"),
    "retries": _number(0, 10),
    "retry_wait_seconds": _number(1, 24 * 3600),
    "retry_on": _one_of("platform", "all"),
    "time_limit_seconds": _number(1, 24 * 3600),
    "priority": _one_of("high", "normal", "low"),
    "jitter_minutes": _number(0, 24 * 60),
    "fresh_by": _clock,
    "suspend_after_failures": _number(0, 1000),
    "suspend_unopened_days": _number(1, 1000),
    "paused": _yes_or_no,
}
