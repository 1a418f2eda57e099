"""Time zones and durations, in the words people use."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError


def validate_timezone(name: str) -> None:
    """Refuse what is not an IANA time zone."""
    if name not in available_timezones():
        raise ValidationError(
            f"{name!r} is not a time zone. Use an IANA name such as Europe/Berlin."
        )


def end_of_day(day: date, zone: str) -> datetime:
    """The first moment after `day` in the zone, in UTC: "at the end of that day" is before it."""
    midnight = datetime.combine(day + timedelta(days=1), time.min, tzinfo=ZoneInfo(zone))
    return midnight.astimezone(UTC)


def in_words(duration: timedelta) -> str:
    """A duration as people say it: `3 min 14 s`, `5 min`, `1 h 42 min`, `2 days`."""
    seconds = max(0, int(duration.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return _two(seconds // 60, "min", seconds % 60, "s")
    if seconds < 2 * 86_400:
        return _two(seconds // 3600, "h", seconds % 3600 // 60, "min")
    return f"{seconds // 86_400} days"


def _two(large: int, unit: str, small: int, part: str) -> str:
    return f"{large} {unit} {small} {part}" if small else f"{large} {unit}"
