"""What the soak publishes, schedules and counts. Imported once Django is set up."""

from bisect import bisect
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise, takewhile
from statistics import quantiles
from typing import Any

from django.db.models import Count, F
from django.test import Client
from django.utils import timezone

from portal.accounts.models import Role, User
from portal.common import storage
from portal.publishing.links import Address, NoEditionYet, resolve
from portal.publishing.models import Edition, PublishEvent, Tree, Variant
from portal.publishing.trees import StoredFile, tree_digest
from portal.runs import rules, schedules
from portal.runs.models import ACTIVE, Run, Schedule, Slot
from tests.runs.authors import publish_script


@dataclass
class Verdict:
    """The figures, and a sentence for each thing that is wrong."""

    figures: dict[str, Any]
    problems: list[str] = field(default_factory=list)


class Shelf:
    """Publications that are refreshed by script."""

    def __init__(self, publications: int, script: str) -> None:
        self.author = User.objects.create_user("author", role=Role.AUTHOR)
        self.slugs = [f"report-{number}" for number in range(publications)]
        yesterday = timezone.now() - timedelta(days=1)  # before every slot
        self.variants = [
            publish_script(script, by=self.author, at=yesterday, slug=slug, create=True)
            for slug in self.slugs
        ]
        self.waiting = list(self.variants)

    def schedule_more(self, slots: int, *, ahead: int) -> None:
        """Give the next publication a schedule with `slots` missed ones, unless enough is queued."""
        self._stop_the_clock(slots)
        if self.waiting and Run.objects.filter(state__in=ACTIVE).count() < ahead:
            now = timezone.now()
            schedules.set_schedule(
                self.waiting.pop(0),
                every_minutes=1,
                misfire=Schedule.Misfire.ALL,
                starts_at=now - timedelta(minutes=slots, seconds=1),
                by=self.author,
                at=now,
            )

    def finished(self) -> int:
        return Run.objects.exclude(state__in=ACTIVE).count()

    def is_done(self) -> bool:
        return (
            not self.waiting
            and not Schedule.objects.filter(state=Schedule.State.ACTIVE).exists()
            and not Run.objects.filter(state__in=ACTIVE).exists()
        )

    def reader(self) -> Client:
        """A browser, signed in."""
        from django.conf import settings

        client = Client(headers={"host": settings.PORTAL_ORIGIN.partition("//")[2]})
        client.force_login(self.author)
        return client

    def follow(self, slug: str) -> tuple[int, bool] | None:
        """The number of the edition that the stable link shows, and whether all of it is there."""
        try:
            edition = resolve(self.author, Address(slug=slug)).edition
        except NoEditionYet:
            return None
        return edition.number, _is_complete(edition)

    def recovery_p95(self, outages: list[datetime]) -> float | None:
        """Seconds from an outage between two starts to the next one; None without two such outages."""
        starts = sorted(
            Run.objects.filter(started_at__isnull=False).values_list("started_at", flat=True)
        )
        after = [bisect(starts, outage) for outage in outages]
        waits = [
            (starts[place] - outage).total_seconds()
            for outage, place in zip(outages, after, strict=True)
            if 0 < place < len(starts)
        ]
        return round(quantiles(waits, n=20)[18], 1) if len(waits) > 1 else None

    def verify(self) -> Verdict:
        """Count everything."""
        verdict = Verdict({})
        lost = self._lost(verdict)
        doubled = self._doubled(verdict)
        half = self._half(verdict)
        states = Run.objects.values_list("state").annotate(Count("pk"))
        verdict.figures = {
            "slots": Slot.objects.count(),
            "lost": lost,
            "doubled": doubled,
            "half": half,
            "editions": Edition.objects.count(),
            "moves_of_links": PublishEvent.objects.count(),
            "runs": dict(states),
            "longest_silence_s": _longest_silence(),
            "run_again": Run.objects.filter(attempts__gt=1).count(),
        }
        return verdict

    def _stop_the_clock(self, slots: int) -> None:
        """Pause each schedule that has made its slots."""
        for schedule in Schedule.objects.filter(state=Schedule.State.ACTIVE).annotate(
            made=Count("slots")
        ):
            if schedule.made >= slots:
                Schedule.objects.filter(pk=schedule.pk).update(
                    state=Schedule.State.PAUSED, next_due_at=None
                )

    def _lost(self, verdict: Verdict) -> int:
        """Due times without a slot, and slots whose run did not end well."""
        lost = 0
        for schedule in Schedule.objects.all():
            made = set(schedule.slots.values_list("due_at", flat=True))
            expected = set(_due_before(schedule, max(made) + timedelta(seconds=1)))
            if expected != made:
                verdict.problems.append(
                    f"schedule {schedule.pk}: {len(expected ^ made)} slots differ"
                )
                lost += len(expected ^ made)
        good = [Run.State.SUCCEEDED, Run.State.UNCHANGED]
        for slot in Slot.objects.exclude(run__state__in=good).select_related("run"):
            verdict.problems.append(
                f"slot {slot.pk}: {slot.run and slot.run.state} {slot.reason or (slot.run and slot.run.error)}"
            )
            lost += 1
        return lost

    def _doubled(self, verdict: Verdict) -> int:
        """More editions than one for the same logical time, or editions that no run owns."""
        again = (
            Edition.objects.values("variant", "logical_time")
            .annotate(made=Count("pk"))
            .filter(made__gt=1)
        )
        for row in again:
            verdict.problems.append(f"variant {row['variant']}: {row['made']} editions at one time")
        orphans = Edition.objects.filter(run__isnull=True).count()
        shown = PublishEvent.objects.values("edition").annotate(times=Count("pk"))
        shown_again = shown.filter(times__gt=1).count()
        return sum(row["made"] - 1 for row in again) + orphans + shown_again

    def _half(self, verdict: Verdict) -> int:
        """Editions with a file missing or changed, and links whose history does not lead to where they are."""
        half = 0
        for edition in Edition.objects.select_related("tree").iterator():
            if not _is_complete(edition) or not _is_unchanged(edition.tree):
                verdict.problems.append(f"edition {edition.pk} is not whole")
                half += 1
        for variant in Variant.objects.all():
            if not _leads_to(variant):
                verdict.problems.append(
                    f"variant {variant.pk}: its history does not lead to its edition"
                )
                half += 1
        half += (
            Run.objects.filter(edition__isnull=False).exclude(edition__variant=F("variant")).count()
        )
        return half


def _longest_silence() -> float:
    """The longest time in which no run ended: how long it took to recover from the worst blow."""
    ends = list(Run.objects.order_by("finished_at").values_list("finished_at", flat=True))
    pairs = pairwise(ends)
    return round(max(((later - one).total_seconds() for one, later in pairs), default=0.0), 1)


def _due_before(schedule: Schedule, end: datetime) -> list[datetime]:
    times = rules.due_times(schedule, after=schedule.starts_at)
    return list(takewhile(lambda time: time < end, times))


def _is_complete(edition: Edition) -> bool:
    entries = list(edition.tree.entries.select_related("blob"))
    kept = storage.blobs()
    return len(entries) == edition.tree.files and all(
        kept.size(storage.blob_name(entry.blob_id)) == entry.blob.size for entry in entries
    )


def _is_unchanged(tree: Tree) -> bool:
    files = [
        StoredFile(entry.path, entry.blob_id, entry.blob.size, entry.content_type)
        for entry in tree.entries.select_related("blob")
    ]
    return tree_digest(files) == tree.digest and all(
        storage.is_whole(file.digest) for file in files
    )


def _leads_to(variant: Variant) -> bool:
    shown = None
    for event in variant.publish_events.order_by("pk"):
        if event.previous_id != shown:
            return False
        shown = event.edition_id
    return shown == variant.current_id
