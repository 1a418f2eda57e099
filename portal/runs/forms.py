"""What people type about schedules, before `schedules.check` judges it."""

from typing import Any

from django import forms

from portal.publishing.models import Variant
from portal.runs.models import Schedule


class ScheduleForm(forms.Form):
    """At set times, or every so many minutes."""

    rule = forms.ChoiceField(choices=Schedule.Rule, initial=Schedule.Rule.CRON)
    cron = forms.CharField(max_length=120, required=False)
    every_minutes = forms.IntegerField(required=False, min_value=1)
    timezone = forms.CharField(max_length=64)
    misfire = forms.ChoiceField(choices=Schedule.Misfire, initial=Schedule.Misfire.LATEST)

    def wish(self) -> dict[str, Any]:
        """Arguments for `schedules.set_schedule`: only those of the chosen rule."""
        data = self.cleaned_data
        by_cron = data["rule"] == Schedule.Rule.CRON
        return {
            "cron": data["cron"] if by_cron else "",
            "every_minutes": None if by_cron else data["every_minutes"],
            "timezone": data["timezone"],
            "misfire": data["misfire"],
        }


def values_of(schedule: Schedule | None, variant: Variant) -> dict[str, Any]:
    """What the form shows first."""
    if schedule is None:
        return {
            "rule": Schedule.Rule.CRON,
            "timezone": variant.publication.timezone,
            "misfire": "latest",
        }
    fields = ("rule", "cron", "every_minutes", "timezone", "misfire")
    return {name: getattr(schedule, name) for name in fields}
