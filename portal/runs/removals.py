"""What becomes of schedules and runs when their variant is taken down."""

from datetime import datetime

from django.db import transaction

from portal.accounts.models import User
from portal.publishing import plugs
from portal.publishing.models import Variant
from portal.runs import actions, schedules
from portal.runs.models import ACTIVE


def hear(announcement: plugs.Announcement) -> None:
    """A variant that was removed is not refreshed any more."""
    if isinstance(announcement, plugs.VariantRemoved):
        stop_removed(announcement.variant, by=announcement.by, at=announcement.at)


@transaction.atomic
def stop_removed(variant: Variant, *, by: User, at: datetime) -> None:
    """End the schedules and runs of a variant that was removed."""
    for schedule in schedules.running(variant):
        schedules.end(schedule, by=by, at=at)
    for run in variant.runs.filter(state__in=ACTIVE).select_related("variant__publication"):
        actions.cancel_run(run, by=by, at=at)
