"""Who did what, each in a sentence."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.http import QueryDict

from portal.accounts.models import User
from portal.common.text import keys_in, one_line
from portal.publishing.models import AuditEvent, Publication
from portal.runs.models import Run
from portal.runs.operations.days import midnight, parsed

PAGE_SIZE = 50

# What was done, as it follows a person's name. `{title}` is the publication's, `{id}` the object's,
# other names are those of the detail. An action that is not here is told by its name.
SENTENCES = {
    "create": "created “{title}”",
    "add_version": "added version {number} of “{title}”",
    "publish": "published an edition of “{title}”: {reason}",
    "release_edition": "released an edition of “{title}” from quarantine: {reason}",
    "hide": "took “{title}” out of sight: {reason}",
    "move_owner": "gave “{title}” to another owner",
    "follow": "follows “{title}”",
    "unfollow": "no longer follows “{title}”",
    "create_embed": "made an embed of “{title}”",
    "revoke_embed": "revoked an embed of “{title}”",
    "request_run": "asked for run {id} of “{title}” ({trigger})",
    "cancel_run": "cancelled run {id} of “{title}”",
    "set_schedule": "set the schedule of “{title}”: {rule}, {timezone}",
    "pause_schedule": "paused a schedule of “{title}”",
    "resume_schedule": "resumed a schedule of “{title}”",
    "end_schedule": "removed a schedule of “{title}”",
    "suspend_schedule": "suspended a schedule of “{title}”",
    "create_secret": "kept the secret {name}",
    "replace_secret": "replaced the secret {name}",
    "describe_secret": "described the secret {name}",
    "grant_secret": "granted the secret {name} to {team}",
    "revoke_secret": "revoked the secret {name} from {team}",
    "delete_secret": "deleted the secret {name}",
    "rotate_secret": "encrypted the secret {name} with another key",
}


@dataclass(frozen=True)
class Wanted:
    """What the log is narrowed to; empty values narrow nothing."""

    person: str = ""
    action: str = ""
    text: str = ""
    first: date | None = None
    last: date | None = None
    before: int | None = None  # the page begins below this key

    @property
    def is_narrow(self) -> bool:
        return bool(self.person or self.action or self.text or self.first or self.last)


@dataclass(frozen=True)
class Told:
    """One event and its sentence."""

    event: AuditEvent
    who: str
    what: str
    run: int | None  # where it leads


def events_for(user: User) -> QuerySet[AuditEvent]:
    """Everything for admins; for authors what was done to publications that they may change."""
    events = AuditEvent.objects.select_related("by", "publication")
    if user.is_admin:
        return events
    return events.filter(publication__in=Publication.objects.editable_by(user))


def wanted(asked: QueryDict) -> Wanted:
    """What a query string asks for; odd values ask for nothing."""
    before = keys_in([asked.get("before", "")])
    return Wanted(
        person=one_line(asked.get("person", ""), length=100),
        action=one_line(asked.get("action", ""), length=60),
        text=one_line(asked.get("q", "")),
        first=parsed(asked.get("from", "")),
        last=parsed(asked.get("to", "")),
        before=before[0] if before else None,
    )


def narrowed(events: QuerySet[AuditEvent], wish: Wanted) -> QuerySet[AuditEvent]:
    """The events that match all of it, newest first, from the page's key on."""
    for word in wish.person.split():
        events = events.filter(
            Q(by__first_name__icontains=word)
            | Q(by__last_name__icontains=word)
            | Q(by__username__icontains=word)
        )
    for word in wish.text.split():
        events = events.filter(
            Q(publication__title__icontains=word) | Q(publication__slug__icontains=word)
        )
    if wish.action:
        events = events.filter(action=wish.action)
    if wish.first:
        events = events.filter(at__gte=midnight(wish.first))
    if wish.last:
        events = events.filter(at__lt=midnight(wish.last + timedelta(days=1)))
    if wish.before is not None:
        events = events.filter(pk__lt=wish.before)
    return events.order_by("-pk")


def page_of(events: QuerySet[AuditEvent]) -> tuple[list[Told], int | None]:
    """One page, and the key below which the next begins; no counting, and no walking past what came before."""
    found = list(events[: PAGE_SIZE + 1])
    more = found[PAGE_SIZE - 1].pk if len(found) > PAGE_SIZE else None
    return [tell(event) for event in found[:PAGE_SIZE]], more


def trail_of(run: Run) -> list[Told]:
    """What people and the portal did about a run, oldest first."""
    events = AuditEvent.objects.filter(object_type="run", object_id=str(run.pk))
    return [
        tell(event) for event in events.select_related("by", "publication").order_by("pk")[:100]
    ]


def tell(event: AuditEvent) -> Told:
    """The event in words."""
    who = str(event.by) if event.by else "Broadsheet"
    run = int(event.object_id) if event.object_type == "run" else None
    return Told(event, who, _what(event), run)


def _what(event: AuditEvent) -> str:
    title = event.publication.title if event.publication else ""
    sentence = SENTENCES.get(event.action)
    if sentence is None:
        about = f" of “{title}”" if title else ""
        return f"{event.action.replace('_', ' ')}: {event.object_type} {event.object_id}{about}"
    known: dict[str, Any] = event.detail if isinstance(event.detail, dict) else {}
    return sentence.format_map(_Known(known | {"title": title, "id": event.object_id})).rstrip(": ")


class _Known(dict[str, Any]):
    """What is not known of an old event is left out of its sentence."""

    def __missing__(self, key: str) -> str:
        return ""
