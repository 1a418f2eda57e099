"""What people have set in this room, for when they leave. None of it asks who made it, so none of it stops."""

from django.db.models import Q, QuerySet

from portal.accounts.models import User
from portal.publishing.links import path_of
from portal.publishing.people import SHOWN, Held, Holding, register_holding
from portal.runs.models import ACTIVE, Calendar, Run, Schedule, Secret
from portal.runs.queries import with_words
from portal.runs.rules import explain

STAYS = "Go on as they are; who set them stays on record."


def register() -> None:
    register_holding("schedules", Holding("Schedules they set", STAYS, _schedules))
    register_holding("secrets", Holding("Secrets they set", STAYS, _secrets))
    register_holding("calendars", Holding("Calendars they made", STAYS, _calendars))
    register_holding(
        "runs", Holding("Runs that wait or go", "Go on to their end, and are published.", _runs)
    )


def _schedules(person: User) -> Held:
    set_by = Schedule.objects.filter(created_by=person).exclude(state=Schedule.State.ENDED)
    rows = (
        with_words(set_by)
        .select_related("variant__publication", "calendar")
        .order_by("variant__publication__title")
    )
    named = [
        (
            f"{one.variant.publication}: {explain(one)}",
            f"{path_of(one.variant.publication)}schedule/",
        )
        for one in rows[:SHOWN]
    ]
    return Held(rows.count(), named)


def _secrets(person: User) -> Held:
    rows = Secret.objects.filter(Q(set_by=person) | Q(created_by=person)).order_by("name")
    named = [(one.name, f"/operations/secrets/{one.pk}/") for one in rows[:SHOWN]]
    return Held(rows.count(), named)


def _calendars(person: User) -> Held:
    rows: QuerySet[Calendar] = Calendar.objects.filter(created_by=person).order_by("name")
    return Held(rows.count(), [(one.name, "") for one in rows[:SHOWN]])


def _runs(person: User) -> Held:
    theirs = Q(requested_by=person) | Q(variant__publication__owner=person)
    rows = Run.objects.filter(theirs, state__in=ACTIVE).select_related("variant__publication")
    named = [
        (f"Run {one.pk} of {one.variant.publication}", f"/operations/runs/{one.pk}/")
        for one in rows.order_by("pk")[:SHOWN]
    ]
    return Held(rows.count(), named)
