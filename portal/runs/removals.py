"""What becomes of schedules and runs when their variant is taken down."""

from datetime import datetime

from django.db import transaction

from portal.accounts.models import User
from portal.publishing import plugs
from portal.publishing.models import Variant
from portal.runs import actions, schedules
from portal.runs.models import Run


def hear(announcement: plugs.Announcement) -> None:
    """A variant that was removed is not refreshed any more."""
    if isinstance(announcement, plugs.VariantRemoved):
        stop_removed(announcement.variant, by=announcement.by, at=announcement.at)


@transaction.atomic
def stop_removed(variant: Variant, *, by: User, at: datetime) -> None:
    """End the schedules and runs of a variant that was removed.

    What is running is only stopped after the commit: it may be about to publish, which holds its row and waits for the
    publication that whoever removes holds.
    """
    for schedule in schedules.running(variant):
        schedules.end(schedule, by=by, at=at)
    runs = variant.runs.select_related("variant__publication")
    for run in runs.filter(state=Run.State.QUEUED):
        actions.cancel_run(run, by=by, at=at)
    going = list(runs.filter(state=Run.State.RUNNING))
    transaction.on_commit(lambda: [actions.cancel_run(run, by=by, at=at) for run in going])
