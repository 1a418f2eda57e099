"""The workers as they tell of themselves: a row each, written every few seconds by a thread of its main process."""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from portal.runs.models import Worker

BEAT_SECONDS = 5.0
PATIENCE = timedelta(seconds=30)  # not heard of for longer: dead, or as good as that


def alive(at: datetime) -> QuerySet[Worker]:
    """The workers that were heard of lately and have not said that they stop."""
    return Worker.objects.filter(stopped_at__isnull=True, seen_at__gte=at - PATIENCE)
