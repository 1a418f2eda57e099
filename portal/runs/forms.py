"""What people type about schedules and secrets, before the actions judge it."""

from typing import Any

from django import forms

from portal.accounts.models import Team
from portal.publishing.models import Variant
from portal.publishing.names import LONGEST_VARIABLE
from portal.runs.models import Limit, Schedule


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


class SecretForm(forms.Form):
    """A new secret. What it may be, `secrets.create_secret` judges."""

    name = forms.CharField(
        max_length=LONGEST_VARIABLE,
        error_messages={"required": "Name the environment variable that it becomes."},
    )
    value = forms.CharField(strip=False, error_messages={"required": "A secret needs a value."})
    description = forms.CharField(max_length=300, required=False)
    teams = forms.ModelMultipleChoiceField(Team.objects.order_by("name"), required=False)

    def clean_value(self) -> str:
        return as_typed(self.cleaned_data["value"])


class LimitForm(forms.Form):
    """How many may go at once. What else it may be, `limits.set_limit` judges."""

    of = forms.ChoiceField(choices=Limit.Of)
    name = forms.CharField(max_length=50)
    most = forms.IntegerField(min_value=1, max_value=1000)


def as_typed(text: str) -> str:
    """Without the carriage returns that browsers send for every line end (HTML standard, 4.10.11)."""
    return text.replace("\r\n", "\n")


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
