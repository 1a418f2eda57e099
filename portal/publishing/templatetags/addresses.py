"""Addresses of publications in templates: `{{ publication|path }}`, `{{ edition|edition_path }}`."""

from django import template

from portal.publishing import links
from portal.publishing.models import Edition, Publication

register = template.Library()


@register.filter
def path(publication: Publication, page: str = "") -> str:
    """The stable link, or a page below it: `{{ publication|path:"history/" }}`."""
    return links.path_of(publication) + page


@register.filter
def edition_path(edition: Edition) -> str:
    """The link to exactly this edition. The edition must come with its publication."""
    return links.path_of(edition.publication, edition=edition.number)
