"""Whether anybody still opens a publication: its schedule is suspended when nobody does for long."""

import logging
from datetime import datetime, timedelta

from django.db import DatabaseError
from django.db.models import Q

from portal.publishing.models import Publication
from portal.publishing.permissions import part_of

logger = logging.getLogger(__name__)

AT_MOST_EVERY = timedelta(hours=1)


def note_opening(publication: Publication, *, at: datetime) -> None:
    """Remember that somebody opened it; a chart or table counts for the report that makes it.

    One write an hour at most, and none that a reader has to wait for in vain: it is told without.
    """
    part = part_of(publication)
    opened = part.parent if part is not None else publication
    if opened.last_opened_at is not None and at - opened.last_opened_at < AT_MOST_EVERY:
        return
    try:
        Publication.objects.filter(
            Q(last_opened_at__isnull=True) | Q(last_opened_at__lte=at - AT_MOST_EVERY),
            pk=opened.pk,
        ).update(last_opened_at=at)
    except DatabaseError:
        logger.exception("opening_not_noted publication=%s", opened.pk)
