"""Kinds of publication as the first part of an address: `reports`, never `report`."""

from datetime import date

from django.urls import register_converter

from portal.publishing.links import KIND_PATHS

_KINDS = {path: kind for kind, path in KIND_PATHS.items()}


class KindConverter:
    """`reports` in an address is the kind `report` in the view."""

    regex = "|".join(_KINDS)

    def to_python(self, value: str) -> str:
        return _KINDS[value]

    def to_url(self, value: str) -> str:
        return KIND_PATHS[value]


class DateConverter:
    """A day as ISO 8601 writes it; 31 February is no address."""

    regex = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"

    def to_python(self, value: str) -> date:
        return date.fromisoformat(value)

    def to_url(self, value: date) -> str:
        return value.isoformat()


def register() -> None:
    """Make `<kind:kind>` and `<date:day>` known to the addresses of every room."""
    register_converter(KindConverter, "kind")
    register_converter(DateConverter, "date")
