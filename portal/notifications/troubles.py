"""Telling of what goes wrong: the first at once, the following gathered into one mail at the end of the hour.

Each person has hours of their own, for each publication and kind of trouble. A mail, also one that gathers,
begins an hour. What goes wrong within it is added to one waiting message that is due at its end. Whoever adds
holds the row of the person, so two at once take turns; and adds only while nobody has begun to send it, else to
the next one. So nothing is told twice and nothing is lost, whoever dies when.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.accounts.models import User
from portal.notifications import alarms, outbox
from portal.notifications.alarms import Entry
from portal.notifications.letters import Letter, name_of
from portal.notifications.models import OutboxMessage
from portal.publishing.models import Publication, Variant
from portal.publishing.plugs import Quarantined, Recovered, RunFailed
from portal.runs.models import Run

HOUR = timedelta(hours=1)
Kind = OutboxMessage.Kind
TOLD_OTHERWISE = "Not sent: told in the mail that it works again."


@dataclass(frozen=True)
class Trouble:
    """One thing that went wrong. `publication`: None when it is gathered over all of them."""

    kind: OutboxMessage.Kind
    run: Run
    publication: Publication | None
    letter: Letter
    sentence: str
    at: datetime

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.run.pk}"

    @property
    def entry(self) -> Entry:
        return _entry(self.run, self.sentence, at=self.at)


def note_failed(news: RunFailed) -> int:
    """Tell its owner and author, and the admins too when the platform is at fault."""
    run = _run(news.run_id)
    repairers = _repairers(run)
    letter = alarms.failed_letter(run, sentence=news.sentence, at=news.at)
    theirs = Trouble(Kind.FAILED, run, run.variant.publication, letter, news.sentence, news.at)
    if run.fault != Run.Fault.PLATFORM:
        return _tell((theirs, person) for person in _locked(repairers))
    admins = [person for person in outbox.admins() if person not in repairers]
    letter = alarms.failed_letter(run, sentence=news.sentence, at=news.at, why=alarms.ADMINS)
    ours = Trouble(Kind.PLATFORM, run, None, letter, news.sentence, news.at)
    everybody = _locked([*repairers, *admins])
    return _tell((ours if person in admins else theirs, person) for person in everybody)


def note_quarantined(news: Quarantined) -> int:
    """Tell its owner and author that an edition is held back."""
    run = _run(news.run_id)
    letter = alarms.quarantined_letter(run, news.edition, sentence=news.sentence, at=news.at)
    sentence = f"edition {news.edition} is held back. {news.sentence}"
    trouble = Trouble(Kind.QUARANTINED, run, run.variant.publication, letter, sentence, news.at)
    return _tell((trouble, person) for person in _locked(_repairers(run)))


def note_recovered(news: Recovered) -> int:
    """Tell whoever can repair it, and whoever heard of it, that it is over."""
    run = _run(news.run_id)
    concerned = [*_repairers(run), *_heard_of(run)]
    return sum(_tell_recovered(news, run, person) for person in _locked(concerned))


def _tell(told: Iterable[tuple[Trouble, User]]) -> int:
    return sum(_tell_one(trouble, person) for trouble, person in told)


def _tell_one(trouble: Trouble, person: User) -> int:
    last = _last(trouble, person)
    if last is not None and _has_told(last, trouble, person):
        return 0
    if last is None or last.told_at is None or last.told_at <= trouble.at - HOUR:
        return _write(trouble, person, trouble.letter, key=trouble.key, told_at=trouble.at)
    if (
        last.entries
        and last.told_at > trouble.at
        and _rewrite(last, [*last.entries, trouble.entry])
    ):
        return 1
    return _begin_gathering(trouble, person, since=last.told_at)


def _begin_gathering(trouble: Trouble, person: User, *, since: datetime) -> int:
    due_at, entries = since + HOUR, [trouble.entry]
    letter = _gathered(trouble.kind, trouble.publication, entries, told_at=due_at)
    key = f"more/{trouble.key}"
    return _write(trouble, person, letter, key=key, told_at=due_at, entries=entries)


def _last(trouble: Trouble, person: User) -> OutboxMessage | None:
    told = OutboxMessage.objects.filter(
        kind=trouble.kind,
        recipient=person,
        publication=trouble.publication,
        told_at__isnull=False,
    )
    return told.select_related("publication").order_by("-told_at", "-pk").first()


def _has_told(last: OutboxMessage, trouble: Trouble, person: User) -> bool:
    """Whether the same was announced before."""
    if any(entry["run"] == trouble.run.pk and not entry["works"] for entry in last.entries):
        return True
    keys = [trouble.key, f"more/{trouble.key}"]
    return OutboxMessage.objects.filter(key__in=keys, recipient=person).exists()


def _write(
    trouble: Trouble,
    person: User,
    letter: Letter,
    *,
    key: str,
    told_at: datetime,
    entries: Iterable[Entry] = (),
) -> int:
    return outbox.write(
        trouble.kind,
        letter,
        key=key,
        recipients=[person],
        at=trouble.at,
        due_at=told_at,
        told_at=told_at,
        publication=trouble.publication,
        variant=trouble.run.variant,
        entries=list(entries),
    )


def _rewrite(message: OutboxMessage, entries: list[Entry]) -> bool:
    """Let the waiting message say this; False when somebody has begun to send it."""
    assert message.told_at is not None
    waiting = OutboxMessage.objects.filter(
        pk=message.pk, state=OutboxMessage.State.WAITING, attempts=0
    )
    if not any(not entry["works"] for entry in entries):
        dropped = OutboxMessage.State.DROPPED
        return bool(waiting.update(state=dropped, error=TOLD_OTHERWISE, told_at=None))
    letter = _gathered(message.kind, message.publication, entries, told_at=message.told_at)
    return bool(waiting.update(entries=entries, subject=letter.subject, body=letter.body))


def _gathered(
    kind: str, publication: Publication | None, entries: list[Entry], *, told_at: datetime
) -> Letter:
    of = publication.title if publication else "Broadsheet itself"
    why = alarms.ADMINS if kind == Kind.PLATFORM else alarms.ONCE_AN_HOUR
    return alarms.gathered_letter(entries, since=told_at - HOUR, of=of, why=why)


def _tell_recovered(news: Recovered, run: Run, person: User) -> int:
    """At once, unless such a mail came within the hour and another will tell of the failure anyway."""
    waiting = _waiting(run.variant, person)
    if waiting and _recovered_lately(run, person, before=news.at):
        works = _entry(run, f"it works again, after {news.failures}", at=news.at) | {"works": True}
        if _rewrite(waiting[0], [*waiting[0].entries, works]):
            return 1
    untold = [entry for message in waiting for entry in _take(message, run.variant)]
    return outbox.write(
        Kind.RECOVERED,
        alarms.recovered_letter(run, failures=news.failures, untold=untold, at=news.at),
        key=f"{Kind.RECOVERED}/{run.pk}",
        recipients=[person],
        at=news.at,
        told_at=news.at,
        publication=run.variant.publication,
        variant=run.variant,
    )


def _waiting(variant: Variant, person: User) -> list[OutboxMessage]:
    """What is gathered for the person and tells of this variant."""
    messages = OutboxMessage.objects.filter(
        kind__in=[Kind.FAILED, Kind.QUARANTINED],
        recipient=person,
        publication=variant.publication_id,
        state=OutboxMessage.State.WAITING,
        attempts=0,
    ).exclude(entries=[])
    return [
        message
        for message in messages.select_related("publication").order_by("pk")
        if any(entry["variant"] == variant.pk for entry in message.entries)
    ]


def _take(message: OutboxMessage, variant: Variant) -> list[Entry]:
    """Take what it tells of the variant out of the message."""
    ours = [entry for entry in message.entries if entry["variant"] == variant.pk]
    rest = [entry for entry in message.entries if entry["variant"] != variant.pk]
    return [entry for entry in ours if not entry["works"]] if _rewrite(message, rest) else []


def _recovered_lately(run: Run, person: User, *, before: datetime) -> bool:
    return OutboxMessage.objects.filter(
        kind=Kind.RECOVERED,
        recipient=person,
        publication=run.variant.publication_id,
        told_at__gt=before - HOUR,
    ).exists()


def _heard_of(run: Run) -> list[User]:
    """Who was told that this variant fails since it worked last."""
    of_it = OutboxMessage.objects.filter(variant=run.variant, channel=OutboxMessage.Channel.MAIL)
    worked = of_it.filter(kind=Kind.RECOVERED).order_by("-told_at").first()
    failed = of_it.filter(kind__in=[Kind.FAILED, Kind.QUARANTINED])
    if worked is not None:
        failed = failed.filter(created_at__gt=worked.created_at)
    people = User.objects.filter(pk__in=failed.values("recipient"))
    return [one for one in people if outbox.may_be_told(one, run.variant.publication)]


def _repairers(run: Run) -> list[User]:
    return outbox.keepers(run.variant.publication, run.version)


def _locked(people: Iterable[User]) -> list[User]:
    """The people, held in one order until the transaction ends."""
    keys = {person.pk for person in people}
    return list(User.objects.select_for_update(no_key=True).filter(pk__in=keys).order_by("pk"))


def _run(pk: int) -> Run:
    return Run.objects.select_related(
        "version__created_by", "variant__publication__owner", "variant__current"
    ).get(pk=pk)


def _entry(run: Run, sentence: str, *, at: datetime) -> Entry:
    return {
        "variant": run.variant_id,
        "name": name_of(run.variant),
        "run": run.pk,
        "at": at.isoformat(),
        "text": sentence,
        "works": False,
    }
