"""What admins type about calendars, before the actions judge it."""

from datetime import date
from typing import Any

from django import forms

from portal.common.text import one_line
from portal.runs.countries import country_names
from portal.runs.models import Calendar

DAYS = [(n, f"{date(2026, 6, 1 + n):%A}") for n in range(7)]
MONTHS = [(n, f"{date(2026, n, 1):%B}") for n in range(1, 13)]
LONGEST_NAME = 100


def _countries() -> list[tuple[str, str]]:
    known = sorted((name, code) for code, name in country_names().items())
    return [("", "No public holidays"), *((code, name) for name, code in known)]


class CalendarForm(forms.Form):
    """A calendar. Days are typed one a line, each with its name."""

    name = forms.CharField(max_length=100, error_messages={"required": "Give it a name."})
    country = forms.ChoiceField(choices=_countries, required=False)
    subdivision = forms.CharField(max_length=10, required=False)
    weekend = forms.TypedMultipleChoiceField(choices=DAYS, coerce=int, required=False)
    closed = forms.CharField(required=False)
    opened = forms.CharField(required=False)
    fiscal_pattern = forms.ChoiceField(choices=Calendar.Pattern, initial=Calendar.Pattern.MONTHS)
    fiscal_first_month = forms.TypedChoiceField(choices=MONTHS, coerce=int)
    fiscal_years = forms.CharField(required=False)

    def clean_name(self) -> str:
        return one_line(self.cleaned_data["name"], length=LONGEST_NAME)

    def clean_closed(self) -> list[list[str]]:
        return _named_days(self.cleaned_data["closed"])

    def clean_opened(self) -> list[list[str]]:
        return _named_days(self.cleaned_data["opened"])

    def clean_fiscal_years(self) -> list[str]:
        return list(self.cleaned_data["fiscal_years"].split())

    @staticmethod
    def values_of(calendar: Calendar) -> dict[str, Any]:
        """What the form shows of a calendar first."""
        return {
            "name": calendar.name,
            "country": calendar.country,
            "subdivision": calendar.subdivision,
            "weekend": calendar.weekend,
            "closed": "\n".join(" ".join(one) for one in calendar.closed),
            "opened": "\n".join(" ".join(one) for one in calendar.opened),
            "fiscal_pattern": calendar.fiscal_pattern,
            "fiscal_first_month": calendar.fiscal_first_month,
            "fiscal_years": "\n".join(calendar.fiscal_years),
        }


def _named_days(text: str) -> list[list[str]]:
    """`2026-12-24 Christmas Eve` a line; one without a name is called a listed day."""
    lines = [one_line(line).split(maxsplit=1) for line in text.splitlines() if line.strip()]
    return [[words[0], (words[1:] or ["Listed day"])[0]] for words in lines]
