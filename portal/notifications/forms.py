"""The form of a webhook: what is right in it is decided by `webhooks`."""

from typing import Any

from django import forms

from portal.accounts.models import Team
from portal.notifications.events import EVENTS
from portal.publishing.models import Publication


class WebhookForm(forms.Form):
    """A team or the slug of one publication narrows what it is told of."""

    name = forms.CharField(max_length=100)
    url = forms.CharField(max_length=500)
    events = forms.MultipleChoiceField(choices=list(EVENTS.items()), required=False)
    team = forms.ModelChoiceField(Team.objects.order_by("name"), required=False)
    publication = forms.CharField(max_length=80, required=False)

    def clean_publication(self) -> Publication | None:
        slug = self.cleaned_data["publication"].strip()
        if not slug:
            return None
        found = Publication.objects.filter(slug=slug).exclude(state=Publication.State.REMOVED)
        publication = found.first()
        if publication is None:
            raise forms.ValidationError(f"No publication has the slug {slug}.")
        return publication

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("team") and cleaned.get("publication"):
            self.add_error("publication", "Name a team or a publication, not both.")
        return cleaned
