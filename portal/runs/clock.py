"""When cron rules are due in a time zone, by the rules of Debian's cron.

A rule whose minute and hour are both named is due at clock times: one that the spring gap swallows is due when
the gap ends, one that comes twice in autumn is due the first time. A rule with a star in either goes by real
time: it is due at every minute whose clock time fits, so that nothing is left out and nothing is moved.

cronsim reads the fields and follows rules of the first kind. It steps rules of the second kind by whole
hours and so loses minutes where clocks change by half an hour (Australia/Lord_Howe): those we walk ourselves.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
MOST_YEARS = 50  # without a due time, after which there is none; as cronsim


class Cron:
    """One cron rule in one zone.

    :raises CronSimError: when the rule has a wrong field.
    """

    def __init__(self, rule: str, zone: ZoneInfo) -> None:
        self.rule = rule
        self.zone = zone
        self._fields = CronSim(rule, datetime(2000, 1, 1, tzinfo=zone))
        minute, hour = rule.split()[:2]
        self.goes_by_real_time = minute.startswith("*") or hour.startswith("*")

    def times(self, after: datetime) -> Iterator[datetime]:
        """Every due time later than `after`, in UTC; it ends when there is none for fifty years."""
        found = self._by_real_time(after) if self.goes_by_real_time else self._by_clock(after)
        return (due for due in found if due > after)

    def fits(self, local: datetime) -> bool:
        """Whether it is due at this clock time."""
        return self.fits_time(local) and self._fits_day(local.date())

    def fits_time(self, local: datetime) -> bool:
        """Whether minute and hour are the rule's, on whatever day."""
        return local.minute in self._fields.minutes and local.hour in self._fields.hours

    def _fits_day(self, day: date) -> bool:
        return day.month in self._fields.months and bool(self._fields.match_day(day))

    def _by_clock(self, after: datetime) -> Iterator[datetime]:
        for due in CronSim(self.rule, after.astimezone(self.zone)):
            yield due.astimezone(UTC)

    def _by_real_time(self, after: datetime) -> Iterator[datetime]:
        day = (
            after.astimezone(self.zone).date() - DAY
        )  # an hour that comes twice may be yesterday's
        begins, last = begin_of(day, self.zone), day
        while (day - last).days < MOST_YEARS * 366 and day.year < date.max.year:
            ends = begin_of(day + DAY, self.zone)
            if ends > after:
                for due in self._within(day, begins, ends):
                    yield due
                    last = day
            day, begins = day + DAY, ends

    def _within(self, day: date, begins: datetime, ends: datetime) -> Iterator[datetime]:
        """The due times from the beginning of a day to that of the next."""
        if ends - begins != DAY or _offset(begins, self.zone) != _offset(ends, self.zone):
            yield from self._walk(begins, ends)
        elif self._fits_day(day):
            for hour in sorted(self._fields.hours):
                for minute in sorted(self._fields.minutes):
                    yield begins + timedelta(hours=hour, minutes=minute)

    def _walk(self, begins: datetime, ends: datetime) -> Iterator[datetime]:
        moment = begins
        while moment < ends:
            if self.fits(moment.astimezone(self.zone)):
                yield moment
            moment += MINUTE


def begin_of(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a day, in UTC; where midnight does not exist, the end of the gap."""
    return at_clock(day, time.min, zone)


def at_clock(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The moment when clocks show this time: right after the gap that swallows it, the first of two. In UTC."""
    local = datetime.combine(day, clock, tzinfo=zone)
    moment = local.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return moment
    return _end_of_gap(moment, zone)


def comes_twice(moment: datetime, zone: ZoneInfo) -> bool:
    """Whether the clock time of this moment is shown again, or was shown before."""
    local = moment.astimezone(zone)
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def _end_of_gap(moment: datetime, zone: ZoneInfo) -> datetime:
    """When clocks went forward; `moment` is what a time inside the gap means by the offset of before it."""
    after = _offset(moment, zone)
    first, last = moment - DAY, moment  # the change lies between them
    while last - first > MINUTE:
        middle = first + (last - first) // 2
        middle -= timedelta(seconds=middle.second, microseconds=middle.microsecond)
        if middle in (first, last):
            break
        first, last = (first, middle) if _offset(middle, zone) == after else (middle, last)
    return last


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()
