"""Days as the pages mean them: from midnight to midnight where the installation is."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings


def zone() -> ZoneInfo:
    return ZoneInfo(settings.DISPLAY_TIME_ZONE)


@dataclass(frozen=True)
class Day:
    """One day with its first moment and the first after it; 23 or 25 hours when the clocks change."""

    day: date
    start: datetime
    end: datetime
    is_today: bool

    def share(self, moment: datetime) -> float:
        """How much of the day is over at the moment: 0 to 1."""
        passed = (moment - self.start) / (self.end - self.start)
        return min(1.0, max(0.0, passed))

    @property
    def before(self) -> date:
        return self.day - timedelta(days=1)

    @property
    def after(self) -> date:
        return self.day + timedelta(days=1)


def day_of(asked: str, *, at: datetime) -> Day:
    """The day that was asked for as `2026-11-24`; today for anything else."""
    today = at.astimezone(zone()).date()
    wanted = parsed(asked) or today
    return Day(wanted, midnight(wanted), midnight(wanted + timedelta(days=1)), wanted == today)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone())


def parsed(text: str) -> date | None:
    """The day of `2026-11-24`; None for anything else."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 <= found.year < 2200 else None
