"""Rules of schedules in words."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from cronsim import CronSim

from portal.publishing.models import Audience, Variant
from portal.runs import fiscal
from portal.runs.models import Schedule

ARRIVAL = "When data arrive"
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_UNITS = ((7 * 24 * 60, "week"), (24 * 60, "day"), (60, "hour"), (1, "minute"))


def explain(
    schedule: Schedule,
    *,
    upstreams: Iterable[Variant] | None = None,
    known: Collection[int] = (),
) -> str:
    """The rule in words: `At 07:00 on Monday through Friday, Europe/Berlin`.

    No query where its calendar and `upstreams__variant__publication` came with it.

    :param upstreams: what it waits for, when it is not kept yet.
    :param known: publications, by key, that whoever reads this may see; others than those and the ones for
        the whole company are counted and not named.
    """
    if schedule.rule == Schedule.Rule.ARRIVAL:
        return ARRIVAL
    if schedule.rule == Schedule.Rule.AFTER:
        if upstreams is None:
            upstreams = [upstream.variant for upstream in schedule.upstreams.all()]
        return _after(schedule, list(upstreams), known)
    if schedule.rule == Schedule.Rule.INTERVAL:
        return _every(schedule.every_minutes or 0) + _days_off(schedule)
    if schedule.rule == Schedule.Rule.WORKDAY:
        return f"{_workday(schedule)}, {schedule.timezone}"
    rule = CronSim(schedule.cron, _ANY_TIME).explain()
    return f"{rule}, {schedule.timezone}{_days_off(schedule)}"


def listed(words: list[str], *, last: str = "and") -> str:
    """`A`, `A and B`, `A, B and C`."""
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), words[-1] if words else ""]))


def ordinal(n: int) -> str:
    """`1st`, `2nd`, `3rd`, `4th`, `11th`."""
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def name_of(variant: Variant) -> str:
    """`“Claims, daily”`, or with its variant: `“Claims, daily”, EMEA`. The variant must come with its publication."""
    return f"“{variant.publication}”" + ("" if variant.is_default else f", {variant}")


def _after(schedule: Schedule, upstreams: list[Variant], known: Collection[int]) -> str:
    shown = [name_of(one) for one in upstreams if _may_be_named(one, known)]
    hidden = len(upstreams) - len(shown)
    if hidden:
        shown.append("1 other publication" if hidden == 1 else f"{hidden} other publications")
    needs_all = schedule.needs == Schedule.Needs.ALL
    have = "have" if needs_all and len(upstreams) > 1 else "has"
    return f"After {listed(shown, last='and' if needs_all else 'or')} {have} a new edition"


def _may_be_named(variant: Variant, known: Collection[int]) -> bool:
    publication = variant.publication
    return publication.audience == Audience.COMPANY or publication.pk in known


def _every(minutes: int) -> str:
    for size, unit in _UNITS:
        if minutes % size == 0:
            count = minutes // size
            return f"Every {unit}" if count == 1 else f"Every {count} {unit}s"
    return f"Every {minutes} minutes"


def _workday(schedule: Schedule) -> str:
    n = schedule.workday or 0
    calendar = schedule.calendar
    is_fiscal = fiscal.by_weeks(calendar) or (
        calendar is not None
        and calendar.fiscal_first_month != 1
        and schedule.period != Schedule.Period.MONTH
    )
    which = "last" if n == -1 else ordinal(abs(n))
    end = " from the end" if n < -1 else ""
    period = f"{'fiscal ' if is_fiscal else ''}{schedule.period}"
    by = f" by “{calendar}”" if calendar else ""
    return (
        f"At {schedule.at_time:%H:%M} on the {which} working day{end} of the {period}{by}"
        if schedule.at_time
        else f"On the {which} working day{end} of the {period}{by}"
    )


def _days_off(schedule: Schedule) -> str:
    if schedule.on_holidays == Schedule.Holidays.SKIP:
        return f", not on days off by “{schedule.calendar}”"
    if schedule.on_holidays == Schedule.Holidays.NEXT:
        return f", on days off by “{schedule.calendar}” the next working day"
    return ""
