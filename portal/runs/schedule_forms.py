"""What people type about a schedule, before the actions judge it."""

from collections.abc import Callable
from typing import Any

from django import forms

from portal.publishing.models import Variant
from portal.runs.models import Calendar, Schedule
from portal.runs.presets import NTH, UNITS, WEEKDAYS, Preset, preset_of, rule_of
from portal.runs.schedules import DEFAULT_NAME, POLICY_FIELDS

AT_CLOCK = {
    Preset.WEEKDAYS,
    Preset.DAILY,
    Preset.WEEKLY,
    Preset.FIRST,
    Preset.LAST,
    Preset.WORKDAY,
}
LONGEST_WAIT = 24 * 60  # minutes, of jitter
MOST_RETRIES = 10
A_WEEK = 7 * 24 * 60


def _choice(choices: Any, initial: Any) -> forms.TypedChoiceField:
    """A choice that need not be made."""
    kind: Callable[[Any], Any] = type(initial)
    return forms.TypedChoiceField(
        choices=choices, initial=initial, required=False, coerce=kind, empty_value=initial
    )


def _number(least: int, most: int, initial: int | None = None) -> forms.IntegerField:
    return forms.IntegerField(min_value=least, max_value=most, required=False, initial=initial)


class ScheduleForm(forms.Form):
    """A preset with its own fields, and the policies. What it may be, `schedules.plan` judges."""

    name = forms.SlugField(max_length=40, required=False, initial=DEFAULT_NAME)
    preset = forms.ChoiceField(choices=Preset, initial=Preset.WEEKDAYS)
    at_time = forms.TimeField(required=False, initial="07:00")
    weekday = _choice(WEEKDAYS, 1)
    nth = _choice(NTH, 1)
    period = _choice(Schedule.Period, "month")
    every = _number(1, 100_000)
    unit = _choice(UNITS, 1)
    cron = forms.CharField(max_length=120, required=False)
    needs = _choice(Schedule.Needs, "all")
    timezone = forms.CharField(max_length=64)
    calendar = forms.ModelChoiceField(Calendar.objects.order_by("name"), required=False)
    on_holidays = _choice(Schedule.Holidays, "run")

    misfire = _choice(Schedule.Misfire, "latest")
    deadline_minutes = _number(1, A_WEEK)
    overlap = _choice(Schedule.Overlap, "skip")
    retries = _number(0, MOST_RETRIES, 0)
    retry_wait_seconds = _number(1, 24 * 3600, 60)
    retry_on = _choice(Schedule.RetryOn, "platform")
    time_limit_seconds = _number(1, 24 * 3600)
    priority = _choice(Schedule.Priority, 2)
    jitter_minutes = _number(0, LONGEST_WAIT, 0)
    fresh_by = forms.TimeField(required=False)
    suspend_after_failures = _number(0, 1_000, 5)
    suspend_unopened_days = _number(1, 1_000)

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        preset = data.get("preset")
        if preset in AT_CLOCK and not data.get("at_time") and "at_time" not in self.errors:
            self.add_error("at_time", "Say at what time.")
        if preset == Preset.INTERVAL and not data.get("every") and "every" not in self.errors:
            self.add_error("every", "Say how many.")
        if preset in (Preset.AFTER, Preset.ARRIVAL):
            data["on_holidays"], data["calendar"] = "run", None
        return data

    def wish(self) -> dict[str, Any]:
        """Arguments for `schedules.set_schedule`: only those of the chosen rule, and the policies."""
        data = self.cleaned_data
        more = ("timezone", "calendar", "on_holidays", *POLICY_FIELDS)
        return rule_of(data) | {field: data[field] for field in more}

    @staticmethod
    def values_of(schedule: Schedule | None, variant: Variant) -> dict[str, Any]:
        """What the form shows first."""
        if schedule is None:
            return {"timezone": variant.publication.timezone}
        kept = ("name", "timezone", "calendar", "on_holidays", *POLICY_FIELDS)
        return {field: getattr(schedule, field) for field in kept} | preset_of(schedule)
