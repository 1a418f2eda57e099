"""When refreshes are due: schedules, the calendars that they follow, and what they wait for."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from portal.accounts.models import User
from portal.common.time import validate_timezone
from portal.publishing.models import Variant
from portal.runs.countries import country_names

if TYPE_CHECKING:
    from django_stubs_ext.db.models import TypedModelMeta
else:
    TypedModelMeta = object


class Calendar(models.Model):
    """Which days are working days, and where fiscal months begin."""

    class Pattern(models.TextChoices):
        MONTHS = "months", "Calendar months"
        WEEKS_445 = "4-4-5", "Weeks: 4, 4 and 5 a quarter"
        WEEKS_454 = "4-5-4", "Weeks: 4, 5 and 4 a quarter"
        WEEKS_544 = "5-4-4", "Weeks: 5, 4 and 4 a quarter"

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=100)
    country = models.CharField(max_length=2, blank=True)  # ISO 3166-1; none: only its own days
    subdivision = models.CharField(max_length=10, blank=True)  # as the holidays package names them
    weekend = models.JSONField(default=list)  # weekday numbers, Monday is 0
    closed = models.JSONField(default=list)  # further days off: [["2026-12-24", "Christmas Eve"]]
    opened = models.JSONField(default=list)  # holidays on which people work, the same way
    fiscal_pattern = models.CharField(max_length=10, choices=Pattern, default=Pattern.MONTHS)
    fiscal_first_month = models.PositiveSmallIntegerField(default=1)
    fiscal_years = models.JSONField(default=list)  # first days of years that go by weeks
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta(TypedModelMeta):
        constraints = [
            models.CheckConstraint(
                condition=Q(fiscal_first_month__gte=1, fiscal_first_month__lte=12),
                name="calendar_fiscal_month_of_twelve",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def country_name(self) -> str:
        return country_names().get(self.country, self.country)


class Schedule(models.Model):
    """When a variant's refreshes are due, and what is done when that does not work out.

    A variant may have several, told apart by name. One is changed in place; the audit log has what it was.
    """

    class Rule(models.TextChoices):
        CRON = "cron", "At set times"
        INTERVAL = "interval", "Every so many minutes"
        WORKDAY = "workday", "On a working day of the month"
        AFTER = "after", "After other publications"
        ARRIVAL = "arrival", "When data arrive"

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"
        SUSPENDED = "suspended", "Suspended"
        ENDED = "ended", "Ended"

    class Holidays(models.TextChoices):
        RUN = "run", "Run on days off as well"
        SKIP = "skip", "Leave days off out"
        NEXT = "next", "Move to the next working day"

    class Period(models.TextChoices):
        MONTH = "month", "Month"
        QUARTER = "quarter", "Quarter"
        YEAR = "year", "Year"

    class Needs(models.TextChoices):
        ALL = "all", "When all have a new edition"
        ANY = "any", "When any has a new edition"

    class Misfire(models.TextChoices):
        LATEST = "latest", "Run the latest missed one"
        SKIP = "skip", "Skip what was missed"
        ALL = "all", "Run every missed one"

    class Overlap(models.TextChoices):
        SKIP = "skip", "Skip the new one"
        QUEUE = "queue", "Let it wait"
        CANCEL = "cancel", "Cancel the former one"

    class RetryOn(models.TextChoices):
        PLATFORM = "platform", "Only when the portal failed"
        ALL = "all", "Whatever failed"

    class Priority(models.IntegerChoices):
        HIGH = 1, "High"
        NORMAL = 2, "Normal"
        LOW = 3, "Low"

    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="schedules")
    name = models.SlugField(max_length=40, default="default")
    is_declared = models.BooleanField(default=False)  # stands in the version's broadsheet.toml

    rule = models.CharField(max_length=10, choices=Rule)
    cron = models.CharField(max_length=120, blank=True)
    every_minutes = models.PositiveIntegerField(null=True, blank=True)
    workday = models.SmallIntegerField(null=True, blank=True)  # from 1, or from the end: -1
    period = models.CharField(max_length=10, choices=Period, default=Period.MONTH)
    at_time = models.TimeField(null=True, blank=True)
    needs = models.CharField(max_length=10, choices=Needs, default=Needs.ALL)
    timezone = models.CharField(max_length=64, validators=[validate_timezone])
    calendar = models.ForeignKey(
        Calendar, on_delete=models.PROTECT, null=True, blank=True, related_name="schedules"
    )
    on_holidays = models.CharField(max_length=10, choices=Holidays, default=Holidays.RUN)

    misfire = models.CharField(max_length=10, choices=Misfire, default=Misfire.LATEST)
    deadline_minutes = models.PositiveIntegerField(null=True, blank=True)
    overlap = models.CharField(max_length=10, choices=Overlap, default=Overlap.SKIP)
    retries = models.PositiveSmallIntegerField(default=0)
    retry_wait_seconds = models.PositiveIntegerField(default=60)  # doubled by every further one
    retry_on = models.CharField(max_length=10, choices=RetryOn, default=RetryOn.PLATFORM)
    time_limit_seconds = models.PositiveIntegerField(null=True, blank=True)
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.NORMAL)
    jitter_minutes = models.PositiveSmallIntegerField(default=0)
    fresh_by = models.TimeField(null=True, blank=True)
    next_promise_at = models.DateTimeField(null=True, blank=True)
    suspend_after_failures = models.PositiveSmallIntegerField(default=5)  # 0: never
    suspend_unopened_days = models.PositiveSmallIntegerField(null=True, blank=True)

    hook = models.CharField(max_length=32, null=True, blank=True, unique=True)
    hook_ciphertext = models.TextField(blank=True)  # of the key that signs arrivals

    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    state_at = models.DateTimeField()
    state_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    state_reason = models.CharField(max_length=300, blank=True)
    failures = models.PositiveIntegerField(default=0)  # in a row, by now
    warned_at = models.DateTimeField(null=True, blank=True)  # that nobody opens it
    reminded_at = models.DateTimeField(null=True, blank=True)  # that it is suspended

    starts_at = models.DateTimeField()
    next_due_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta(TypedModelMeta):
        constraints = [
            models.CheckConstraint(
                condition=Q(rule="cron", every_minutes__isnull=True, workday__isnull=True)
                & ~Q(cron="")
                | Q(
                    rule="interval",
                    cron="",
                    every_minutes__isnull=False,
                    every_minutes__gte=1,
                    workday__isnull=True,
                )
                | Q(
                    rule="workday",
                    cron="",
                    every_minutes__isnull=True,
                    workday__isnull=False,
                    at_time__isnull=False,
                )
                | Q(
                    rule__in=["after", "arrival"],
                    cron="",
                    every_minutes__isnull=True,
                    workday__isnull=True,
                ),
                name="schedule_has_its_rule",
            ),
            models.CheckConstraint(
                condition=Q(next_due_at__isnull=True) | Q(state="active"),
                name="schedule_due_only_when_active",
            ),
            models.CheckConstraint(
                condition=~Q(state="suspended") | ~Q(state_reason=""),
                name="schedule_suspended_says_why",
            ),
            models.CheckConstraint(
                condition=Q(on_holidays="run") | Q(calendar__isnull=False),
                name="schedule_holidays_need_calendar",
            ),
            models.CheckConstraint(
                condition=Q(rule="arrival", hook__isnull=False) & ~Q(hook_ciphertext="")
                | Q(~Q(rule="arrival"), hook__isnull=True, hook_ciphertext=""),
                name="schedule_arrival_has_hook",
            ),
            models.UniqueConstraint(
                fields=["variant", "name"],
                condition=~Q(state="ended"),
                name="schedule_name_once_per_variant",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "next_due_at"], name="schedule_due"),
            models.Index(fields=["state", "next_promise_at"], name="schedule_promised"),
        ]

    def __str__(self) -> str:
        if self.rule == self.Rule.INTERVAL:
            return f"every {self.every_minutes} minutes"
        if self.rule == self.Rule.WORKDAY:
            return f"working day {self.workday} of the {self.period}"
        return self.cron or self.get_rule_display().lower()

    @property
    def is_active(self) -> bool:
        return self.state == self.State.ACTIVE

    @property
    def is_clocked(self) -> bool:
        """Whether time alone makes it due."""
        return self.rule in (self.Rule.CRON, self.Rule.INTERVAL, self.Rule.WORKDAY)


class ScheduleUpstream(models.Model):
    """That a schedule is due after a variant has a new edition; `arrived_at` until the others have one too."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="upstreams")
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="downstreams")
    arrived_at = models.DateTimeField(null=True)

    class Meta(TypedModelMeta):
        constraints = [
            models.UniqueConstraint(fields=["schedule", "variant"], name="schedule_upstream_once")
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id} after {self.variant_id}"
