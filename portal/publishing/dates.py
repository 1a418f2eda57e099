"""Dates that people say by words, “last day of previous month”, and what they are on one day.

    today | yesterday | tomorrow
    first|last day of this|previous|next week|month|quarter|year
    3 days|weeks|months|years ago
    this|previous|next month                 only where whole months are meant: its first day

Weeks begin on Monday, as in ISO 8601. Counting back from the 31st stops at the end of a shorter month.
Without Django, because child processes import it.
"""

import re
from calendar import monthrange
from datetime import date, timedelta

DAY, MONTH = "day", "month"

GRAMMAR = (
    "a date such as 2026-03-31, or “yesterday”, “first day of this quarter”, “last day of previous month”, "
    "“3 months ago”"
)
MONTH_GRAMMAR = "a month such as 2026-03, or “previous month”, “3 months ago”"

_NAMED = {"today": 0, "yesterday": -1, "tomorrow": 1}
_STEPS = {"this": 0, "previous": -1, "last": -1, "next": 1}
_MONTHS_IN = {"month": 1, "quarter": 3, "year": 12}
_EDGE = re.compile(r"(first|last) day of (this|previous|last|next) (week|month|quarter|year)")
_AGO = re.compile(r"([0-9]{1,4}) (day|week|month|year)s? ago")
_WHOLE_MONTH = re.compile(r"(this|previous|last|next) month")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ISO_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")


class NoDate(ValueError):
    """The text says no date."""


def normal(text: str, granularity: str = DAY) -> str:
    """The words in one spelling: in lower case, single spaces, “previous” for “last”; months as 2026-03.

    :raises NoDate: when it is neither a date nor words for one.
    """
    words = " ".join(text.lower().split())
    if granularity == MONTH and _ISO_MONTH.fullmatch(words):
        words += "-01"
    if _ISO.fullmatch(words):
        day = _exact(words)
        return f"{day:%Y-%m}" if granularity == MONTH else day.isoformat()
    if not _is_relative(words, granularity):
        raise NoDate(words)
    return re.sub(r"last (?=week|month|quarter|year)", "previous ", words)


def on(day: date, text: str, granularity: str = DAY) -> date:
    """The date that the text means on that day; the first of its month where whole months are meant.

    :raises NoDate: when the text says none, or one outside the years 1 to 9999.
    """
    words = normal(text, granularity)
    try:
        found = _found(day, words)
    except (ValueError, OverflowError):
        raise NoDate(words) from None
    return found.replace(day=1) if granularity == MONTH else found


def _found(day: date, words: str) -> date:
    if _ISO.fullmatch(words):
        return _exact(words)
    if _ISO_MONTH.fullmatch(words):
        return _exact(f"{words}-01")
    if words in _NAMED:
        return day + timedelta(days=_NAMED[words])
    if ago := _AGO.fullmatch(words):
        return _back(day, int(ago[1]), ago[2])
    if whole := _WHOLE_MONTH.fullmatch(words):
        return _months_on(day.replace(day=1), _STEPS[whole[1]])
    edge = _EDGE.fullmatch(words)
    assert edge, "normal() has looked"
    return _edge(day, *edge.groups())


def _is_relative(words: str, granularity: str) -> bool:
    known = (_AGO, _EDGE, *((_WHOLE_MONTH,) if granularity == MONTH else ()))
    return words in _NAMED or any(pattern.fullmatch(words) for pattern in known)


def _exact(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise NoDate(text) from None


def _back(day: date, count: int, unit: str) -> date:
    if unit in ("day", "week"):
        return day - timedelta(days=count * (7 if unit == "week" else 1))
    return _months_on(day, -count * _MONTHS_IN[unit])


def _edge(day: date, which: str, step: str, unit: str) -> date:
    """The first day of the period, or the one before the next period's first."""
    first = _first_of(day, unit, _STEPS[step])
    if which == "first":
        return first
    return _first_of(first, unit, 1) - timedelta(days=1)


def _first_of(day: date, unit: str, steps: int) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday() - 7 * steps)
    months = _MONTHS_IN[unit]
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    return _months_on(first, steps * months)


def _months_on(day: date, months: int) -> date:
    """So many months later, or earlier; the last day of the month where that has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
