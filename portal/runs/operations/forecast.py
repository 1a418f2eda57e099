"""How many runs will be due when, of any number of schedules.

Schedules with the same rule are due together, so each rule is followed once: it is the number of
different rules that costs, not that of schedules. What comes after other publications or when data
arrive is not foreseen.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db.models import QuerySet

from portal.accounts.models import User
from portal.runs.models import Schedule
from portal.runs.operations.days import Day, zone
from portal.runs.queries import schedules_for
from portal.runs.rules import due_times
from portal.runs.schedules import RULE_FIELDS

AHEAD, HOUR = timedelta(days=7), timedelta(hours=1)
KEPT_SECONDS = 180
MOST_TIMES = (
    60_000  # that are followed, about two seconds; rules of few schedules are left out beyond
)
NEXT = 20


@dataclass(frozen=True)
class Forecast:
    """How many runs are due in each coming minute. `is_cut`: there were too many rules to follow them all.

    `steady`: how many of them are of schedules that are due at least every hour, all week.
    """

    by_minute: dict[datetime, int]
    is_cut: bool
    steady: dict[datetime, int] = field(default_factory=dict)

    def until(self, day: Day, *, at: datetime) -> int:
        """How many are still due on the day."""
        return sum(count for time, count in self.by_minute.items() if at <= time < day.end)

    def hours(self, day: Day, *, at: datetime) -> Counter[int]:
        """The same by the hour of the clock."""
        found: Counter[int] = Counter()
        for time, count in self.by_minute.items():
            if at <= time < day.end and time >= day.start:
                found[time.astimezone(zone()).hour] += count
        return found


def forecast_for(user: User, *, going: int, at: datetime) -> Forecast:
    """The coming week of what the person may change; kept for some minutes, or until not as many are `going`."""
    key = f"foreseen:{'all' if user.is_admin else user.pk}:{going}"
    kept: Forecast | None = cache.get(key)
    if kept is None:
        kept = forecast(active(schedules_for(user)), at=at)
        cache.set(key, kept, KEPT_SECONDS)
    return kept


def forecast(schedules: QuerySet[Schedule], *, at: datetime) -> Forecast:
    """What is due within a week of `at`."""
    groups: dict[Hashable, list[Schedule]] = defaultdict(list)
    for schedule in schedules.select_related("calendar").iterator(chunk_size=2000):
        groups[_rule(schedule)].append(schedule)
    found: Counter[datetime] = Counter()
    steady: Counter[datetime] = Counter()
    followed = 0
    for same in sorted(groups.values(), key=len, reverse=True):
        if followed > MOST_TIMES:
            return Forecast(dict(found), is_cut=True, steady=dict(steady))
        times = list(itertools.islice(_times(same[0], at, at + AHEAD), MOST_TIMES))
        followed += len(times)
        minutes = Counter(time.replace(second=0, microsecond=0) for time in times)
        due = {minute: count * len(same) for minute, count in minutes.items()}
        found.update(due)
        if len(times) >= AHEAD // HOUR:
            steady.update(due)
    return Forecast(dict(found), is_cut=False, steady=dict(steady))


def active(schedules: QuerySet[Schedule]) -> QuerySet[Schedule]:
    """Those that time alone makes due."""
    return schedules.filter(state=Schedule.State.ACTIVE, next_due_at__isnull=False)


def next_due(schedules: QuerySet[Schedule]) -> list[tuple[datetime, Schedule]]:
    """The schedules that are due next, each once: one that is due every other minute hides no other."""
    soonest = (
        active(schedules)
        .select_related("variant__publication", "calendar")
        .order_by("next_due_at", "pk")[:NEXT]
    )
    return [(schedule.next_due_at, schedule) for schedule in soonest if schedule.next_due_at]


def _rule(schedule: Schedule) -> Hashable:
    """What decides when it is due; equal for schedules that are due together."""
    fields = [
        schedule.calendar_id if one == "calendar" else getattr(schedule, one) for one in RULE_FIELDS
    ]
    if schedule.rule == Schedule.Rule.INTERVAL:
        step = (schedule.every_minutes or 1) * 60
        return *fields, int(schedule.starts_at.timestamp()) % step // 60
    return tuple(fields)


def _times(schedule: Schedule, at: datetime, until: datetime) -> Iterable[datetime]:
    times = due_times(schedule, after=at - timedelta(seconds=1))
    return itertools.takewhile(lambda time: time < until, times)
