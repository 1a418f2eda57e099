"""What people type about secrets and backfills, before the actions judge it."""

from datetime import date
from typing import Any

from django import forms

from portal.accounts.models import Team
from portal.publishing.names import LONGEST_VARIABLE
from portal.runs.backfills import MOST_AT_ONCE
from portal.runs.models import Limit


class BackfillForm(forms.Form):
    """Which days of the past, and how many runs at once."""

    first = forms.DateField(error_messages={"required": "Choose the first day."})
    last = forms.DateField(error_messages={"required": "Choose the last day."})
    at_once = forms.IntegerField(required=False, min_value=1, max_value=MOST_AT_ONCE)
    what = forms.ChoiceField(
        choices=[("missing", "Only what is missing"), ("all", "All of them")], required=False
    )

    def clean(self) -> dict[str, Any]:
        """Days that no calendar of ours reaches are a typing error."""
        data = super().clean() or {}
        for name in ("first", "last"):
            if isinstance(data.get(name), date) and not 2000 <= data[name].year < 2200:
                self.add_error(name, "Choose a day of this century.")
        return data


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
