"""Executions of versions, and when they are due.

The database is the queue: a Run is claimed by a conditional update that writes a fencing token and a
lease. Whoever does not hold the token any more can neither publish nor change the run.
"""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from portal.accounts.models import Team, User
from portal.common.time import validate_timezone
from portal.publishing.models import Edition, Variant, Version

if TYPE_CHECKING:
    from django_stubs_ext.db.models import TypedModelMeta
else:
    TypedModelMeta = object


class Schedule(models.Model):
    """When a variant's refreshes are due: a cron rule in a time zone, or every so many minutes."""

    class Rule(models.TextChoices):
        CRON = "cron", "At set times"
        INTERVAL = "interval", "Every so many minutes"

    class Misfire(models.TextChoices):
        LATEST = "latest", "Run the latest missed one"
        SKIP = "skip", "Skip what was missed"
        ALL = "all", "Run every missed one"

    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="schedules")
    rule = models.CharField(max_length=10, choices=Rule)
    cron = models.CharField(max_length=120, blank=True)
    every_minutes = models.PositiveIntegerField(null=True, blank=True)
    timezone = models.CharField(max_length=64, validators=[validate_timezone])
    misfire = models.CharField(max_length=10, choices=Misfire, default=Misfire.LATEST)
    enabled = models.BooleanField(default=True)
    starts_at = models.DateTimeField()
    next_due_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta(TypedModelMeta):
        constraints = [
            models.CheckConstraint(
                condition=Q(rule="cron", every_minutes__isnull=True) & ~Q(cron="")
                | Q(rule="interval", cron="", every_minutes__isnull=False, every_minutes__gte=1),
                name="schedule_has_its_rule",
            ),
            models.UniqueConstraint(
                fields=["variant"],
                condition=Q(enabled=True),
                name="schedule_one_enabled_per_variant",
            ),
        ]
        indexes = [models.Index(fields=["enabled", "next_due_at"], name="schedule_due")]

    def __str__(self) -> str:
        return self.cron or f"every {self.every_minutes} minutes"


class Run(models.Model):
    """One execution of a version for a variant."""

    class Trigger(models.TextChoices):
        UPLOAD = "upload", "Upload"
        MANUAL = "manual", "Run now"
        SCHEDULE = "schedule", "Schedule"
        RERUN = "rerun", "Run again"

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
    logical_time = models.DateTimeField()
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
                condition=Q(state="running"),
                name="run_one_at_a_time",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "lease_until"], name="run_by_state"),
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


class Slot(models.Model):
    """One due time of a schedule. The row is the lock: two tickers cannot make it twice."""

    class State(models.TextChoices):
        TAKEN = "taken", "Run"
        SKIPPED = "skipped", "Skipped"

    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="slots")
    due_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State)
    reason = models.CharField(max_length=300, blank=True)
    run = models.OneToOneField(Run, on_delete=models.PROTECT, null=True, related_name="slot")
    created_at = models.DateTimeField()

    class Meta(TypedModelMeta):
        constraints = [
            models.UniqueConstraint(fields=["schedule", "due_at"], name="slot_once"),
            models.CheckConstraint(
                condition=Q(state="taken", run__isnull=False)
                | Q(~Q(reason=""), state="skipped", run__isnull=True),
                name="slot_taken_or_skipped_with_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id} at {self.due_at:%Y-%m-%d %H:%M}"


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


class Environment(models.Model):
    """A set of packages for one Python, by the SHA-256 of all that decides its files.

    Its folder has the key as its name. `lock` is hashed requirements and stays when the folder is swept.
    """

    class State(models.TextChoices):
        NEW = "new", "Not built yet"
        BUILDING = "building", "Being built"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"
        SWEPT = "swept", "Swept"

    key = models.CharField(max_length=64, unique=True)
    python = models.CharField(max_length=10)  # such as 3.12
    lock = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.NEW)
    token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True)
    size = models.PositiveBigIntegerField(default=0)  # bytes
    seconds = models.FloatField(default=0)  # that building it took
    error = models.TextField(blank=True)  # a sentence for people
    created_at = models.DateTimeField()
    built_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    class Meta(TypedModelMeta):
        constraints = [
            models.CheckConstraint(
                condition=Q(~Q(token=""), state="building", lease_until__isnull=False)
                | Q(~Q(state="building"), token="", lease_until__isnull=True),
                name="environment_leased_while_building",
            ),
            models.CheckConstraint(
                condition=~Q(state="ready") | Q(built_at__isnull=False, used_at__isnull=False),
                name="environment_ready_was_built",
            ),
            models.CheckConstraint(
                condition=~Q(state="failed") | ~Q(error=""), name="environment_failed_says_why"
            ),
        ]
        indexes = [models.Index(fields=["state", "used_at"], name="environment_by_use")]

    def __str__(self) -> str:
        return f"environment {self.key[:12]}"

    @property
    def packages(self) -> int:
        """How many packages it has; the lock has one a line."""
        return self.lock.count("\n")


class VersionEnvironment(models.Model):
    """The environment that all runs of a version use, for ever."""

    version = models.OneToOneField(
        Version, on_delete=models.PROTECT, related_name="environment_pin"
    )
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="pins")

    def __str__(self) -> str:
        return f"{self.environment} of version {self.version_id}"


class Secret(models.Model):
    """A value for authors' code, by the name of the environment variable that it becomes.

    Only `vault` opens the ciphertext, and only for a run; no page ever shows it again.
    """

    name = models.CharField(max_length=80)
    description = models.CharField(max_length=300, blank=True)
    ciphertext = models.TextField()
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    set_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)

    class Meta(TypedModelMeta):
        constraints = [
            models.UniqueConstraint(fields=["name"], name="secret_name_once"),
            models.CheckConstraint(
                condition=~Q(name="") & ~Q(ciphertext=""), name="secret_has_name_and_ciphertext"
            ),
            models.CheckConstraint(
                condition=Q(set_at__gte=models.F("created_at")), name="secret_set_since_created"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def words(self) -> list[str]:
        """Its name may be broken between them, where there is little room."""
        return self.name.split("_")


class SecretGrant(models.Model):
    """That runs of a team's publications get a secret when their manifest names it."""

    secret = models.ForeignKey(Secret, on_delete=models.CASCADE, related_name="grants")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="secret_grants")
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta(TypedModelMeta):
        constraints = [models.UniqueConstraint(fields=["secret", "team"], name="secret_grant_once")]

    def __str__(self) -> str:
        return f"secret {self.secret_id} for {self.team_id}"


class Heartbeat(models.Model):
    """When a part of the installation last said that it is alive."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%H:%M:%S}"
