"""What people type on the portal's pages, before actions judge it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms

from portal.common.text import clean, one_line
from portal.publishing.models import Audience, Edition, EmbedGrant

PARAMETER_PREFIX = "p-"
_INPUT = {"class": "input"}
_AREA = {"class": "input", "rows": 3}


class RollBackForm(forms.Form):
    """Why readers should see an archived edition again."""

    reason = forms.CharField(
        max_length=300,
        widget=forms.Textarea(attrs=_AREA),
        error_messages={"required": "Say why readers should see this edition again."},
    )


class ReleaseForm(forms.Form):
    """Why readers may see an edition although it failed a check."""

    reason = forms.CharField(
        max_length=300,
        widget=forms.Textarea(attrs=_AREA),
        error_messages={
            "required": "Say why readers may see this edition although a check failed."
        },
    )


class EmbedForm(forms.Form):
    """One paste of a publication somewhere else: what it follows, and where it may stand."""

    follows = forms.ChoiceField(choices=EmbedGrant.Follows, initial=EmbedGrant.Follows.LATEST)
    label = forms.CharField(max_length=120, required=False, widget=forms.TextInput(attrs=_INPUT))
    origins = forms.CharField(
        max_length=4000,
        widget=forms.Textarea(attrs=_AREA | {"placeholder": "https://intranet.example.com"}),
        error_messages={"required": "Name at least one site that may show it."},
    )

    def __init__(self, edition: Edition, data: Any = None) -> None:
        super().__init__(data)
        self.edition = edition

    def clean_label(self) -> str:
        return one_line(self.cleaned_data["label"], length=120)

    def clean_origins(self) -> list[str]:
        """One origin a line; commas and spaces part them too."""
        origins: list[str] = self.cleaned_data["origins"].replace(",", " ").split()
        return origins

    def things(self) -> list[tuple[str, str, str]]:
        """Value, headline and explanation of each thing that it may follow."""
        major = self.edition.version.major
        return [
            (
                "latest",
                "The current edition",
                "Refreshes by itself, and says how old its data are.",
            ),
            ("major", f"Version {major}", f"Refreshes too; stays when version {major + 1} comes."),
            ("edition", f"Edition {self.edition.number} only", "A picture that never changes."),
        ]


class UploadForm(forms.Form):
    """What comes beside the files. Only lengths are judged here: the rest the actions know better."""

    kind = forms.CharField(max_length=40, required=False)
    title = forms.CharField(max_length=200, required=False, widget=forms.TextInput(attrs=_INPUT))
    summary = forms.CharField(max_length=2000, required=False, widget=forms.Textarea(attrs=_AREA))
    slug = forms.CharField(max_length=80, required=False, widget=forms.TextInput(attrs=_INPUT))
    audience = forms.ChoiceField(
        choices=[("", "As the manifest says, else the company"), *Audience.choices], required=False
    )
    change = forms.ChoiceField(choices=[("minor", "Minor"), ("major", "Major")], required=False)
    notes = forms.CharField(max_length=2000, required=False, widget=forms.Textarea(attrs=_AREA))
    based_on = forms.CharField(max_length=20, required=False)
    new = forms.BooleanField(required=False)

    def clean_title(self) -> str:
        return one_line(self.cleaned_data["title"])

    def clean_summary(self) -> str:
        return clean(self.cleaned_data["summary"])

    def clean_notes(self) -> str:
        return clean(self.cleaned_data["notes"])


@dataclass(frozen=True)
class Answer:
    """One field of the form that declared parameters make. `value` is what stands in it."""

    parameter: Mapping[str, Any]
    value: Any
    error: str = ""

    @property
    def name(self) -> str:
        """Parameters have a prefix, so that one may be called “title”."""
        return f"{PARAMETER_PREFIX}{self.parameter['name']}"


class VariantForm:
    """Title, link and parameters of a variant; `errors` by field, those of parameters by their own names."""

    def __init__(
        self,
        spec: Sequence[Mapping[str, Any]],
        *,
        data: Mapping[str, str] | None = None,
        initial: Mapping[str, Any] | None = None,
        errors: Mapping[str, str] | None = None,
    ) -> None:
        self.spec, self.data, self.initial = spec, data, initial or {}
        self.errors = errors or {}

    @property
    def title(self) -> str:
        return str(
            self.initial.get("title", "") if self.data is None else self.data.get("title", "")
        )

    @property
    def slug(self) -> str:
        return "" if self.data is None else self.data.get("slug", "").strip()

    @property
    def values(self) -> dict[str, str]:
        """What was typed for each parameter; a box that is not ticked says no."""
        typed = self.data or {}
        return {
            one["name"]: typed.get(
                f"{PARAMETER_PREFIX}{one['name']}", "no" if one["type"] == "boolean" else ""
            )
            for one in self.spec
        }

    @property
    def answers(self) -> list[Answer]:
        """A field for each parameter, in the order of the manifest."""
        if self.data is None:
            values = {one["name"]: one["default"] for one in self.spec} | dict(self.initial)
        else:
            values = self.values | {
                one["name"]: self.values[one["name"]] == "yes"
                for one in self.spec
                if one["type"] == "boolean"
            }
        return [
            Answer(one, values[one["name"]], self.errors.get(one["name"], "")) for one in self.spec
        ]
