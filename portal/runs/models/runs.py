"""Executions of versions, what they said and what was checked.

The database is the queue: a Run is claimed by a conditional update that writes a fencing token and a
lease. Whoever does not hold the token any more can neither publish nor change the run.
"""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Case, Q, Value, When

from portal.accounts.models import User
from portal.publishing.models import Edition, Variant, Version
from portal.runs.models.schedules import Schedule

if TYPE_CHECKING:
    from django_stubs_ext.db.models import TypedModelMeta
else:
    TypedModelMeta = object


class Backfill(models.Model):
    """Runs for past due times of a schedule, as editions of their time."""

    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="backfills")
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    at_once = models.PositiveSmallIntegerField(default=1)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta(TypedModelMeta):
        constraints = [
            models.CheckConstraint(
                condition=Q(first_at__lte=models.F("last_at")), name="backfill_first_before_last"
            ),
            models.CheckConstraint(condition=Q(at_once__gte=1), name="backfill_at_least_one"),
        ]

    def __str__(self) -> str:
        return f"backfill {self.pk}"


class Run(models.Model):
    """One execution of a version for a variant."""

    class Trigger(models.TextChoices):
        UPLOAD = "upload", "Upload"
        MANUAL = "manual", "Run now"
        SCHEDULE = "schedule", "Schedule"
        RERUN = "rerun", "Run again"
        AFTER = "after", "After another publication"
        ARRIVAL = "arrival", "Data arrived"
        BACKFILL = "backfill", "Backfill"
        VERSION = "version", "New version"

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        UNCHANGED = "unchanged", "Unchanged"
        QUARANTINED = "quarantined", "Quarantined"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        TIMED_OUT = "timed_out", "Timed out"
        LOST = "lost", "Lost"

    class Fault(models.TextChoices):
        NONE = "", "Nobody's"
        BUNDLE = "bundle", "The author's"
        PLATFORM = "platform", "Ours"

    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="runs")
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="runs")
    trigger = models.CharField(max_length=10, choices=Trigger)
    state = models.CharField(max_length=12, choices=State, default=State.QUEUED)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    rerun_of = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="reruns"
    )
    backfill = models.ForeignKey(
        Backfill, on_delete=models.PROTECT, null=True, blank=True, related_name="runs"
    )
    logical_time = models.DateTimeField()
    parameters = models.JSONField(default=dict, blank=True)  # what its code was given
    queue = models.CharField(max_length=40, default="default")
    uses = models.JSONField(default=list, blank=True)  # named resources that have a limit
    priority = models.PositiveSmallIntegerField(
        choices=Schedule.Priority, default=Schedule.Priority.NORMAL
    )
    time_limit_seconds = models.PositiveIntegerField(null=True, blank=True)  # else its version's
    turn = models.GeneratedField(  # among runs of one priority: what a person waits for comes first
        expression=Case(
            When(trigger="backfill", then=Value(3)),
            When(trigger__in=["schedule", "after", "arrival"], then=Value(2)),
            default=Value(1),
        ),
        output_field=models.PositiveSmallIntegerField(),
        db_persist=True,
    )
    not_before = models.DateTimeField(null=True, blank=True)  # jitter, or the wait for a retry
    tries = models.JSONField(
        default=list, blank=True
    )  # those before: at, state, fault, error, worker, seconds
    queued_at = models.DateTimeField()
    rung_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=120, blank=True)
    cancel_requested = models.BooleanField(default=False)
    cancelled_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    cancelled_at = models.DateTimeField(null=True)
    steps = models.JSONField(default=list)
    progress = models.PositiveSmallIntegerField(default=0)
    doing = models.CharField(max_length=200, blank=True)
    fault = models.CharField(max_length=10, choices=Fault, default=Fault.NONE, blank=True)
    error = models.TextField(blank=True)  # a sentence for people
    last_words = models.TextField(blank=True)  # the end of a traceback, for the author
    failed_code = models.JSONField(default=dict, blank=True)  # see `listener.excerpt_of`
    remark = models.CharField(max_length=300, blank=True)  # why its edition is not shown, if so
    resources = models.JSONField(
        default=dict
    )  # seconds, peak_mb, memory_limit_mb, cpu_seconds, isolation, curve
    exit_code = models.IntegerField(null=True)
    edition = models.OneToOneField(Edition, on_delete=models.PROTECT, null=True, related_name="run")

    class Meta(TypedModelMeta):
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="running") | Q(lease_until__isnull=False) & ~Q(token=""),
                name="run_running_is_leased",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running"], finished_at__isnull=True)
                | Q(~Q(state__in=["queued", "running"]), finished_at__isnull=False),
                name="run_finished_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(state="succeeded") | Q(edition__isnull=False),
                name="run_succeeded_has_edition",
            ),
            models.CheckConstraint(
                condition=Q(edition__isnull=True) | Q(state__in=["succeeded", "quarantined"]),
                name="run_edition_only_when_made",
            ),
            models.CheckConstraint(
                condition=Q(trigger="rerun", rerun_of__isnull=False)
                | Q(~Q(trigger="rerun"), rerun_of__isnull=True),
                name="run_again_names_its_run",
            ),
            models.CheckConstraint(
                condition=Q(cancelled_by__isnull=True, cancelled_at__isnull=True)
                | Q(cancel_requested=True, cancelled_by__isnull=False, cancelled_at__isnull=False),
                name="run_cancelled_by_and_at",
            ),
            models.UniqueConstraint(
                fields=["variant", "version"],
                condition=Q(state="running", backfill__isnull=True),
                name="run_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(trigger="backfill", backfill__isnull=False)
                | Q(~Q(trigger="backfill"), backfill__isnull=True),
                name="run_of_a_backfill_names_it",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "lease_until"], name="run_by_state"),
            models.Index(
                fields=["state", "priority", "turn", "queued_at", "id"], name="run_turn"
            ),  # see `queue.ORDER`
            models.Index(fields=["finished_at"], name="run_by_end"),
            models.Index(fields=["started_at"], name="run_by_start"),
            models.Index(fields=["variant", "queued_at"], name="run_by_variant"),
        ]

    def __str__(self) -> str:
        return f"run {self.pk}"

    @property
    def is_finished(self) -> bool:
        return self.state not in ACTIVE

    @property
    def has_more_words(self) -> bool:
        """Whether its last words are not the end of its log: of a cell, or of what came before the code."""
        apart = bool(self.failed_code) or self.exit_code is None
        return bool(self.last_words) and apart and self.is_finished

    @property
    def went_wrong(self) -> bool:
        return self.state in (
            self.State.FAILED,
            self.State.TIMED_OUT,
            self.State.LOST,
            self.State.QUARANTINED,
        )


ACTIVE = (Run.State.QUEUED, Run.State.RUNNING)


class LogChunk(models.Model):
    """A piece of a run's log, added while it runs."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="log_chunks")
    sequence = models.PositiveIntegerField()
    at = models.DateTimeField()
    text = models.TextField()

    class Meta(TypedModelMeta):
        constraints = [models.UniqueConstraint(fields=["run", "sequence"], name="log_chunk_once")]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.sequence}"


class CheckResult(models.Model):
    """What became of one expectation on data in one run. Never changed."""

    class Stage(models.TextChoices):
        CODE = "code", "In the code"
        INPUT = "input", "Input"
        OUTPUT = "output", "Output"
        METRICS = "metrics", "Metrics"

    class Severity(models.TextChoices):
        BLOCK = "block", "Blocks"
        WARN = "warn", "Warns"

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="check_results")
    edition = models.ForeignKey(
        Edition, on_delete=models.PROTECT, null=True, related_name="check_results"
    )
    name = models.CharField(max_length=200)
    stage = models.CharField(max_length=10, choices=Stage)
    severity = models.CharField(max_length=10, choices=Severity)
    passed = models.BooleanField()
    observed = models.CharField(max_length=300, blank=True)
    expected = models.CharField(max_length=300, blank=True)
    failing = models.PositiveBigIntegerField(null=True)  # rows
    total = models.PositiveBigIntegerField(null=True)  # rows
    sample = models.JSONField(default=list)  # rows as text, masked columns blacked out
    message = models.CharField(max_length=300, blank=True)

    class Meta(TypedModelMeta):
        constraints = [
            models.CheckConstraint(
                condition=Q(stage__in=["code", "input", "output", "metrics"]),
                name="check_result_stage_known",
            ),
            models.CheckConstraint(
                condition=Q(severity__in=["block", "warn"]), name="check_result_severity_known"
            ),
            models.CheckConstraint(
                condition=Q(failing__isnull=True)
                | Q(total__isnull=False, failing__lte=models.F("total")),
                name="check_result_failing_within_total",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> str:
        """passed, failed, or warned: a failure that readers may see beside the edition."""
        if self.passed:
            return "passed"
        return "failed" if self.severity == self.Severity.BLOCK else "warned"


class Limit(models.Model):
    """How many runs may go at once: of a queue, of a team, or that use a named resource."""

    class Of(models.TextChoices):
        QUEUE = "queue", "Queue"
        TEAM = "team", "Team"
        RESOURCE = "resource", "Resource"

    of = models.CharField(max_length=10, choices=Of)
    name = models.SlugField(max_length=50)  # of the queue or resource, or the team's slug
    most = models.PositiveSmallIntegerField()
    set_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()

    class Meta(TypedModelMeta):
        constraints = [
            models.UniqueConstraint(fields=["of", "name"], name="limit_once"),
            models.CheckConstraint(condition=Q(most__gte=1), name="limit_lets_one_through"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.most}"
