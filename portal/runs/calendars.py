"""Business calendars: admins keep them, schedules follow them."""

import itertools
from datetime import date, datetime
from typing import Any

import holidays
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet

from portal.accounts.models import User
from portal.common.text import slugify
from portal.publishing.audit import record
from portal.runs import fiscal
from portal.runs.days import SATURDAY_AND_SUNDAY, Days, public_holidays
from portal.runs.models import Calendar, Schedule
from portal.runs.promises import next_promise
from portal.runs.rules import due_times

FIELDS = (
    "name",
    "country",
    "subdivision",
    "weekend",
    "closed",
    "opened",
    "fiscal_pattern",
    "fiscal_first_month",
    "fiscal_years",
)
MOST_DAYS = 1_000  # own days of a calendar
YEAR_LENGTHS = (52 * 7, 53 * 7)  # days of a fiscal year by weeks
NAMED_AT_MOST = 5
BATCH = 500


class BadCalendar(Exception):
    """A calendar cannot be kept like this; `field` is what to mend, if it is one field."""

    def __init__(self, field: str | None, message: str) -> None:
        super().__init__(message)
        self.field = field


@transaction.atomic
def create_calendar(*, by: User, at: datetime, **wish: Any) -> Calendar:
    """Keep a calendar under a slug made of its name.

    :param wish: values of `FIELDS`; days as texts such as 2026-12-24.
    :raises BadCalendar: when it cannot be kept like this.
    :raises PermissionDenied: when the person is no admin.
    """
    _require_admin(by)
    wish = {"weekend": list(SATURDAY_AND_SUNDAY)} | wish
    calendar = Calendar(slug=slugify(wish["name"])[:40], created_by=by, created_at=at, **wish)
    if not calendar.slug or Calendar.objects.filter(slug=calendar.slug).exists():
        raise BadCalendar("name", "There is a calendar of that name already. Choose another name.")
    check(calendar)
    calendar.save()
    record("create_calendar", calendar, by=by, at=at, slug=calendar.slug, **_said(calendar))
    return calendar


@transaction.atomic
def change_calendar(calendar: Calendar, *, by: User, at: datetime, **wish: Any) -> Calendar:
    """Keep other days. Active schedules that follow it are planned and promised afresh; what is due already stays due.

    :raises BadCalendar: when it cannot be kept like this, or a schedule would never be due again.
    :raises PermissionDenied: when the person is no admin.
    """
    _require_admin(by)
    changed = Calendar.objects.select_for_update().get(pk=calendar.pk)
    before = _said(changed)
    for field, value in wish.items():
        setattr(changed, field, value)
    check(changed)
    if _said(changed) == before:
        return changed
    changed.save()
    _plan_afresh(changed, at=at)
    record("change_calendar", changed, by=by, at=at, slug=changed.slug, **_said(changed))
    return changed


@transaction.atomic
def remove_calendar(calendar: Calendar, *, by: User, at: datetime) -> None:
    """Forget a calendar that no schedule follows.

    :raises BadCalendar: when one does; the message names them.
    :raises PermissionDenied: when the person is no admin.
    """
    _require_admin(by)
    found = Calendar.objects.select_for_update().get(pk=calendar.pk)
    users = list(users_of(found)[: NAMED_AT_MOST + 1])
    if users:
        named = ", ".join(f"“{one.variant.publication}”" for one in users[:NAMED_AT_MOST])
        more = " and others" if len(users) > NAMED_AT_MOST else ""
        raise BadCalendar(None, f"It is still followed by {named}{more}. Change their schedules.")
    # Those that have ended only keep the row; the audit log has what they followed.
    found.schedules.update(calendar=None, on_holidays=Schedule.Holidays.RUN)
    record("remove_calendar", found, by=by, at=at, slug=found.slug, **_said(found))
    found.delete()


def users_of(calendar: Calendar) -> QuerySet[Schedule]:
    """The schedules that follow it and have not ended, with their publications."""
    schedules: QuerySet[Schedule] = calendar.schedules.exclude(state=Schedule.State.ENDED)
    return schedules.select_related("variant__publication").order_by("pk")


def check(calendar: Calendar) -> None:
    """
    :raises BadCalendar: with the field that cannot be followed.
    """
    if not calendar.name:
        raise BadCalendar("name", "Give it a name.")
    _check_place(calendar)
    if not set(calendar.weekend) <= set(range(7)):
        raise BadCalendar("weekend", "Choose days of the week.")
    if len(set(calendar.weekend)) == 7:
        raise BadCalendar("weekend", "With all seven days off, nothing is ever due.")
    for field in ("closed", "opened"):
        _check_days(calendar, field)
    _check_fiscal(calendar)


def _check_place(calendar: Calendar) -> None:
    parts = holidays.list_supported_countries(include_aliases=False)
    if not calendar.country:
        if calendar.subdivision:
            raise BadCalendar("subdivision", "Choose the country that it is a part of.")
        return
    if calendar.country not in parts:
        raise BadCalendar("country", f"No holidays are known for “{calendar.country}”.")
    if calendar.subdivision and calendar.subdivision not in parts[calendar.country]:
        known = ", ".join(parts[calendar.country]) or "none"
        raise BadCalendar("subdivision", f"The parts known of {calendar.country} are: {known}.")
    public_holidays(calendar.country, calendar.subdivision, calendar.created_at.year)


def _check_days(calendar: Calendar, field: str) -> None:
    days = getattr(calendar, field)
    if len(days) > MOST_DAYS:
        raise BadCalendar(field, f"At most {MOST_DAYS:,} days can be listed.")
    for day, name in days:
        _day(field, day)
        if not name:
            raise BadCalendar(field, f"Say what {day} is.")


def _check_fiscal(calendar: Calendar) -> None:
    if not 1 <= calendar.fiscal_first_month <= 12:
        raise BadCalendar("fiscal_first_month", "Choose one of the twelve months.")
    days = sorted(_day("fiscal_years", day) for day in calendar.fiscal_years)
    if not fiscal.by_weeks(calendar):
        return
    if not days:
        raise BadCalendar("fiscal_years", "List the first day of at least one fiscal year.")
    for one, following in itertools.pairwise(days):
        if (following - one).days not in YEAR_LENGTHS:
            raise BadCalendar(
                "fiscal_years",
                f"From {one} to {following} are not 52 or 53 weeks: list every year.",
            )


def _day(field: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadCalendar(field, f"“{text}” is not a day: write it as 2026-12-24.") from None


def _plan_afresh(calendar: Calendar, *, at: datetime) -> None:
    """Those that are paused are only held to be due some day: resuming plans them."""
    planned = []
    for schedule in users_of(calendar).select_for_update(of=("self",), no_key=True):
        schedule.calendar = calendar
        due = next(due_times(schedule, after=at), None) if schedule.is_clocked else at
        if due is None:
            publication = schedule.variant.publication
            raise BadCalendar(None, f"“{publication}” would never be refreshed any more.")
        if schedule.is_active:
            if schedule.next_due_at and schedule.next_due_at > at:
                schedule.next_due_at = due
            if schedule.next_promise_at and schedule.next_promise_at > at:
                schedule.next_promise_at = next_promise(schedule, after=at)
            planned.append(schedule)
    Schedule.objects.bulk_update(planned, ["next_due_at", "next_promise_at"], batch_size=BATCH)


def days_off(calendar: Calendar, since: date, until: date) -> list[tuple[date, str]]:
    """The days off from `since` to `until` that are more than a weekend, with their names."""
    days = Days(calendar)
    span = [date.fromordinal(n) for n in range(since.toordinal(), until.toordinal() + 1)]
    return [(day, days.why_off(day)) for day in span if days.is_special(day)]


def _said(calendar: Calendar) -> dict[str, Any]:
    return {field: getattr(calendar, field) for field in FIELDS}


def _require_admin(user: User) -> None:
    if not user.is_admin:
        raise PermissionDenied("Only admins change calendars. Ask one of them.")
