"""What programs are told: one JSON document for each event and webhook, written with what happened.

{"type": "run.failed", "timestamp": "2026-11-16T05:41:00+00:00", "data": {"publication": {...}, ...}}
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q

from portal.notifications.letters import edition_link, link_of, run_link
from portal.notifications.models import OutboxMessage, Webhook
from portal.publishing.links import url_of
from portal.publishing.models import Audience, Edition, Publication, Variant
from portal.publishing.permissions import is_gone
from portal.publishing.plugs import (
    Announcement,
    Late,
    Published,
    Quarantined,
    Recovered,
    RunFailed,
    SoonSuspended,
    Suspended,
    VariantRemoved,
)
from portal.runs.models import Run, Schedule

PUBLISHED = "edition.published"
QUARANTINED = "edition.quarantined"
FAILED = "run.failed"
RECOVERED = "run.recovered"
LATE = "schedule.late"
SUSPENDED = "schedule.suspended"
TEST = "webhook.test"
EVENTS = {
    PUBLISHED: "A link shows another edition",
    QUARANTINED: "An edition is held back",
    FAILED: "A run failed",
    RECOVERED: "It works again",
    LATE: "A schedule is late against its promise",
    SUSPENDED: "A schedule was suspended",
}
Kind = OutboxMessage.Kind


def note(announcement: Announcement) -> int:
    """Write a message for every webhook that wants it; returns how many."""
    publication = _publication(announcement)
    webhooks = _listening(publication)
    if not webhooks or is_gone(publication):
        return 0
    told = _told(announcement)
    if told is None:
        return 0
    kind, event, key, variant, data = told
    return write(
        [one for one in webhooks if event in one.events],
        kind=kind,
        event=event,
        key=key,
        data=data,
        at=announcement.at,
        publication=publication,
        variant=variant,
    )


def write(
    webhooks: Iterable[Webhook],
    *,
    kind: OutboxMessage.Kind,
    event: str,
    key: str,
    data: dict[str, Any],
    at: datetime,
    **fields: Any,
) -> int:
    """One row a webhook, once: writing under the same key again adds nothing."""
    body = json.dumps({"type": event, "timestamp": at.isoformat(), "data": data})
    messages = [
        OutboxMessage(
            channel=OutboxMessage.Channel.WEBHOOK,
            kind=kind,
            webhook=webhook,
            key=key,
            subject=event,
            body=body,
            due_at=at,
            created_at=at,
            **fields,
        )
        for webhook in webhooks
    ]
    OutboxMessage.objects.bulk_create(messages, ignore_conflicts=True)
    return len(messages)


def _publication(announcement: Announcement) -> Publication:
    if isinstance(announcement, Published | Quarantined):
        return announcement.edition.publication
    if isinstance(announcement, VariantRemoved):
        return announcement.variant.publication
    return announcement.publication


def _listening(publication: Publication) -> list[Webhook]:
    """Those whose scope it is in; what is for its owner alone is told only to webhooks of just that."""
    scope = Q(publication=publication)
    if publication.audience != Audience.OWNER:
        scope |= Q(publication__isnull=True, team__isnull=True)
        if publication.team_id is not None:
            scope |= Q(team=publication.team_id)
    return list(Webhook.objects.filter(scope, disabled_at__isnull=True, removed_at__isnull=True))


Told = tuple[OutboxMessage.Kind, str, str, Variant, dict[str, Any]]


def _told(news: Announcement) -> Told | None:
    match news:
        case VariantRemoved():
            return None
        case Published():
            key = f"published/{news.edition.pk}/{news.at:%Y%m%dT%H%M%S%f}"
            data = _about_edition(news.edition)
            data["previous"] = news.previous and _edition(news.previous)
            return Kind.PUBLISHED, PUBLISHED, key, news.edition.variant, data
        case Quarantined():
            data = _about_edition(news.edition) | {"sentence": news.sentence}
            data["run"] = _run_link(news.run_id)
            key = f"quarantined/{news.run_id}"
            return Kind.QUARANTINED, QUARANTINED, key, news.edition.variant, data
        case RunFailed():
            return _about_run(Kind.FAILED, FAILED, news.run_id, {"sentence": news.sentence})
        case Recovered():
            return _about_run(Kind.RECOVERED, RECOVERED, news.run_id, {"failures": news.failures})
        case Late():
            promised = {"promised_at": news.promised_at.isoformat(), "sentence": news.sentence}
            return _about_schedule(Kind.LATE, LATE, news.schedule_id, news.promised_at, promised)
        case Suspended() if not news.is_reminder:
            said = {"sentence": news.sentence}
            return _about_schedule(Kind.SUSPENDED, SUSPENDED, news.schedule_id, news.at, said)
        case Suspended() | SoonSuspended():
            return None  # reminders and warnings are for people


def _about_run(kind: OutboxMessage.Kind, event: str, run_id: int, more: dict[str, Any]) -> Told:
    run = Run.objects.select_related("variant__publication", "version").get(pk=run_id)
    data = _about(run.variant) | {"version": run.version.number, "run": _run(run)} | more
    return kind, event, f"{kind}/{run.pk}", run.variant, data


def _about_schedule(
    kind: OutboxMessage.Kind, event: str, pk: int, at: datetime, more: dict[str, Any]
) -> Told:
    schedule = Schedule.objects.select_related("variant__publication").get(pk=pk)
    data = _about(schedule.variant) | {"schedule": schedule.name} | more
    return kind, event, f"{kind}/{pk}/{at:%Y%m%dT%H%M%S}", schedule.variant, data


def _about_edition(edition: Edition) -> dict[str, Any]:
    return _about(edition.variant) | {
        "version": edition.version.number,
        "edition": _edition(edition),
    }


def _about(variant: Variant) -> dict[str, Any]:
    publication = variant.publication
    return {
        "publication": {
            "kind": publication.kind,
            "slug": publication.slug,
            "title": publication.title,
            "link": url_of(publication),
        },
        "variant": {"slug": variant.slug, "link": link_of(variant)},
    }


def _edition(edition: Edition) -> dict[str, Any]:
    return {
        "number": edition.number,
        "link": edition_link(edition),
        "created_at": edition.created_at.isoformat(),
        "data_as_of": edition.data_as_of and edition.data_as_of.isoformat(),
        "metrics": edition.metrics,
    }


def _run(run: Run) -> dict[str, Any]:
    return _run_link(run.pk) | {
        "state": run.state,
        "fault": run.fault,
        "trigger": run.trigger,
        "logical_time": run.logical_time.isoformat(),
    }


def _run_link(pk: int) -> dict[str, Any]:
    return {"id": pk, "link": run_link(pk)}
