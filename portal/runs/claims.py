"""Who works on a run: a claim is a conditional update that writes a fencing token and a lease.

    queued -> claim -> running -> (renewed while alive) -> an ending, or a lapsed lease -> queued -> ...

Every write of whoever works on a run is conditional on the token. A worker that was paused past its
lease finds the token changed, stops, and has changed nothing. At most `RUN_MAX_ATTEMPTS` workers may
die of one run; then it is lost, and the others go on.
"""

import logging
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from portal.publishing import plugs
from portal.runs import queue, suspensions
from portal.runs.doorbell import ring_after, ring_for
from portal.runs.errors import Cancelled, Fenced
from portal.runs.models import Backfill, Limit, Run

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.4  # between two looks for a request to cancel
LONGEST_PAUSE = 3.0  # seconds between two renewals
MOST_RACES = 20


@dataclass(frozen=True)
class Claim:
    """The right to work on a run, as long as its token is the run's."""

    run_id: int
    token: str

    def held(self) -> QuerySet[Run]:
        """The run while it is ours, else nothing: update through this and look at the count."""
        return Run.objects.filter(pk=self.run_id, token=self.token, state=Run.State.RUNNING)

    def write(self, **fields: object) -> None:
        """Change the run.

        :raises Fenced: when it is not ours any more; nothing is changed then.
        """
        if self.held().update(**fields) != 1:
            raise Fenced(f"run {self.run_id}")


@dataclass
class Lease:
    """What the heartbeat has learnt: whether the claim is lost, and whether a person wants it stopped."""

    claim: Claim
    lost: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def must_stop(self) -> bool:
        return self.lost.is_set() or self.cancelled.is_set()

    def check(self) -> None:
        """
        :raises Fenced: when the run is not ours any more.
        :raises Cancelled: when a person asked for it to be stopped.
        """
        if self.lost.is_set():
            raise Fenced(f"run {self.claim.run_id}")
        if self.cancelled.is_set():
            raise Cancelled("The run was cancelled.")


def claim_next(*, worker: str, at: datetime) -> Claim | None:
    """Take the run whose turn it is, of the queues that this worker serves; None when none may start."""
    if not Run.objects.filter(state=Run.State.QUEUED).exists():
        return None  # most doorbells of a quiet hour: nobody's lock is asked for
    return _race(worker, at, queues=settings.RUN_QUEUES)


def claim(run_id: int, *, worker: str, at: datetime) -> Claim | None:
    """Take this run and no other; None when it is not queued, or when it is not its turn among its own."""
    run = Run.objects.filter(pk=run_id, state=Run.State.QUEUED).first()
    if run is None:
        return None
    its_own = Q(backfill__isnull=True, variant=run.variant_id, version=run.version_id)
    return _race(worker, at, among=Q(pk=run_id) if run.backfill_id else its_own, only=run_id)


def _race(
    worker: str,
    at: datetime,
    *,
    queues: Sequence[str] = (),
    among: Q | None = None,
    only: int | None = None,
) -> Claim | None:
    """Try until a run is ours or none is left; each time somebody else was quicker, a run has started."""
    for _ in range(MOST_RACES):
        try:
            with transaction.atomic():
                run = _first(at, queues, among or Q())
                if run is None or only not in (None, run.pk):
                    return None
                if _has_room(run) and (mine := _take(run, worker, at)):
                    return mine
        except IntegrityError:  # another run of the version was claimed at the same moment
            continue
    logger.warning("claim_given_up worker=%s", worker)  # the ticker rings again
    return None


def _first(at: datetime, queues: Sequence[str], among: Q) -> Run | None:
    """The run whose turn it is. Whoever looks while there are limits has them to himself until he has claimed."""
    limits = list(Limit.objects.select_for_update(no_key=True).order_by("pk"))
    runs = queue.possible(at, busy=queue.look(limits), queues=queues).filter(among)
    return runs.select_for_update(of=("self",), no_key=True, skip_locked=True).first()


def _has_room(run: Run) -> bool:
    """Whether its backfill has room for one more, once nobody else can claim one of it."""
    if run.backfill_id is None:
        return True
    backfill = Backfill.objects.select_for_update(no_key=True).get(pk=run.backfill_id)
    return backfill.runs.filter(state=Run.State.RUNNING).count() < backfill.at_once


def _take(run: Run, worker: str, at: datetime) -> Claim | None:
    mine = Claim(run_id=run.pk, token=secrets.token_hex(16))
    taken = Run.objects.filter(pk=run.pk, state=Run.State.QUEUED).update(
        state=Run.State.RUNNING,
        token=mine.token,
        lease_until=_lease_end(at),
        worker=worker,
        attempts=F("attempts") + 1,
        started_at=at,
        not_before=None,
        steps=[],
        resources={},
        progress=0,
        doing="",
    )
    return mine if taken == 1 else None


@contextmanager
def kept_alive(claim: Claim) -> Iterator[Lease]:
    """Renew the lease from a thread of its own for as long as the block lasts."""
    lease = Lease(claim)
    thread = threading.Thread(target=_beat, args=(lease,), name=f"lease-{claim.run_id}")
    thread.start()
    try:
        yield lease
    finally:
        lease.ended.set()
        thread.join()


@transaction.atomic
def hand_back(claim: Claim) -> bool:
    """Queue the run again at once, as if it had not been claimed: its worker has to stop."""
    handed = claim.held().update(
        **queued_again(), attempts=F("attempts") - 1, doing="Handed back by a stopping worker"
    )
    if handed == 1:
        ring_for(Run.objects.get(pk=claim.run_id))
    return handed == 1


def sweep_lapsed(at: datetime) -> int:
    """Queue again, or give up, every run whose worker stopped renewing; returns how many there were."""
    lapsed = Run.objects.filter(state=Run.State.RUNNING, lease_until__lt=at)
    runs = list(lapsed.select_related("variant__publication__team").order_by("pk"))
    return sum(_sweep(run, at) for run in runs)


@transaction.atomic
def _sweep(run: Run, at: datetime) -> bool:
    still = Run.objects.filter(
        pk=run.pk, token=run.token, state=Run.State.RUNNING, lease_until__lt=at
    )
    if run.attempts < settings.RUN_MAX_ATTEMPTS:
        return still.update(**queued_again(), doing="Its worker stopped; waits for another") == 1
    sentence = (
        f"The worker died {run.attempts} times while it ran this. It is not tried again; "
        "look for what ends the whole process, such as memory."
    )
    lost = still.update(
        state=Run.State.LOST,
        finished_at=at,
        fault=Run.Fault.PLATFORM,
        error=sentence,
        token="",
        lease_until=None,
        doing="",
    )
    if lost == 1:
        logger.error("run_lost run=%s attempts=%s", run.pk, run.attempts)
        plugs.announce(plugs.RunFailed(run.variant.publication, run.pk, sentence, at))
        suspensions.note_end(run.pk, at=at)
        ring_after(run, at=at)
    return lost == 1


def queued_again() -> dict[str, object]:
    """The fields of a run that nobody holds any more: whoever did is fenced out."""
    return {
        "state": Run.State.QUEUED,
        "token": "",
        "lease_until": None,
        "worker": "",
        "rung_at": None,
        "progress": 0,
    }


def _lease_end(at: datetime) -> datetime:
    return at + timedelta(seconds=settings.RUN_LEASE_SECONDS)


def _beat(lease: Lease) -> None:
    """Look often, which is one read by primary key, and write seldom."""
    pause = min(settings.RUN_LEASE_SECONDS / 3, LONGEST_PAUSE)
    renew_at = time.monotonic() + pause
    try:
        while not lease.ended.wait(min(pause, LOOK_SECONDS)) and not lease.lost.is_set():
            try:
                _look(lease)
                if time.monotonic() >= renew_at:
                    _renew(lease, timezone.now())
                    renew_at = time.monotonic() + pause
            except (
                DatabaseError
            ) as error:  # try again at the next look; the lease decides in the end
                logger.warning("lease_not_renewed run=%s error=%s", lease.claim.run_id, error)
                connection.close()  # a database that was restarted is only reached by another one
    finally:
        connection.close()  # this thread's own


def _look(lease: Lease) -> None:
    wanted = lease.claim.held().values_list("cancel_requested", flat=True).first()
    if wanted is None:
        lease.lost.set()
    elif wanted:
        lease.cancelled.set()


def _renew(lease: Lease, at: datetime) -> None:
    if lease.claim.held().update(lease_until=_lease_end(at)) != 1:
        lease.lost.set()
