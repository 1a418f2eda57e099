"""How times, sizes, numbers and digests are written on the pages.

Times are shown in the installation's zone and carry the exact moment in `<time datetime>`. Numbers and
their units hold together with no-break spaces.
"""

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.common.time import in_words

register = template.Library()
NO_BREAK_SPACE = "\u00a0"
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


@register.filter
def moment(value: datetime | None) -> str:
    """A point in time: `today 06:41`, `Mon 16 Nov 06:41`, or `16 Nov 2025 06:41` in another year."""
    if value is None:
        return ""
    local = _here(value)
    return _time(value, f"{_day_words(local.date())} {local:%H:%M}")


@register.filter
def day(value: datetime | date | None) -> str:
    """A day: `Sun 15 Nov`, or `15 Nov 2025` in another year."""
    if value is None:
        return ""
    local = _here(value).date() if isinstance(value, datetime) else value
    words = _day_words(local) if local != _today() else f"{local:%a} {local.day} {local:%b}"
    return _time(value, words)


@register.filter
def long_day(value: datetime | date) -> str:
    """A day in full: `Friday 20 November 2026`."""
    local = _here(value) if isinstance(value, datetime) else value
    return _time(value, f"{local:%A} {local.day} {local:%B %Y}")


@register.filter
def filesize_words(size: int | None) -> str:
    """A size in decimal units, as disks and networks count: `184 kB`, `9.2 MB`."""
    if size is None:
        return ""
    amount, unit = float(size), _UNITS[0]
    for unit in _UNITS:
        if amount < 1000 or unit == _UNITS[-1]:
            break
        amount /= 1000
    digits = f"{amount:.1f}" if 0 < amount < 10 and unit != "bytes" else f"{amount:.0f}"
    return f"{digits.removesuffix('.0')}{NO_BREAK_SPACE}{unit}"


@register.filter
def number(value: float | Decimal | None) -> str:
    """A number with its thousands parted: `612 480`, `94.2`; at most four digits after the point."""
    if value is None:
        return ""
    if not math.isfinite(value):
        return str(value)
    text = f"{value:,.0f}" if value == int(value) else f"{value:,.4f}".rstrip("0")
    return text.replace(",", NO_BREAK_SPACE).replace("-", "\u2212")


@register.filter
def digest(value: str) -> SafeString:
    """The first twelve characters of a digest, as code."""
    return format_html("<code>{}</code>", value[:12])


@register.filter
def counted(count: int, noun: str) -> str:
    """A number with its noun: `1 edition`, `17 editions`. An irregular plural comes after a comma."""
    one, _, many = noun.partition(",")
    return f"{number(count)}{NO_BREAK_SPACE}{one if count == 1 else many or one + 's'}"


@register.filter
def duration(value: timedelta | float | str | None) -> str:
    """How long something took, a time span or seconds: `3 min 14 s`; empty when nobody knows."""
    if value is None or isinstance(value, str):
        return ""
    span = value if isinstance(value, timedelta) else timedelta(seconds=value)
    if span < timedelta(seconds=10):
        return f"{span.total_seconds():.1f}{NO_BREAK_SPACE}s"
    return in_words(span).replace(" ", NO_BREAK_SPACE)


@register.filter
def age(value: datetime | None, at: datetime | None = None) -> str:
    """How long ago something was: `1 h 42 min`; before `at`, where the page has a time of its own."""
    if value is None:
        return ""
    span = (at or timezone.now()) - value
    if span > timedelta(minutes=10):
        span -= timedelta(seconds=span.seconds % 60)
    return in_words(span).replace(" ", NO_BREAK_SPACE)


@register.filter
def clock_in(value: datetime, zone: str) -> str:
    """The clock of another zone: `06:00 Europe/London`."""
    return f"{value.astimezone(ZoneInfo(zone)):%H:%M}{NO_BREAK_SPACE}{zone}"


@register.filter
def spaced(name: str) -> str:
    """A name of code in words: `set_schedule` is `set schedule`."""
    return name.replace("_", " ")


@register.filter
def within(path: str, section: str) -> bool:
    """Whether an address lies in a section: for `aria-current` in menus."""
    return path.startswith(section)


def _here(value: datetime) -> datetime:
    return value.astimezone(ZoneInfo(settings.DISPLAY_TIME_ZONE))


def _today() -> date:
    return _here(timezone.now()).date()


def _day_words(local: date) -> str:
    today = _today()
    if local == today:
        return "today"
    if local.year == today.year:
        return f"{local:%a} {local.day} {local:%b}"
    return f"{local.day} {local:%b %Y}"


def _time(value: datetime | date, words: str) -> SafeString:
    exact = value.astimezone(UTC) if isinstance(value, datetime) else value
    return format_html(
        '<time datetime="{}">{}</time>', exact.isoformat(), words.replace(" ", NO_BREAK_SPACE)
    )
