"""What a mail to a follower says, and the words that all letters share: plain text, what happened first."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings

from portal.common.text import one_line
from portal.notifications.changes import in_one_line
from portal.publishing.links import url_of
from portal.publishing.models import Edition, Variant
from portal.publishing.plugs import Published


@dataclass(frozen=True)
class Letter:
    """A mail without its address."""

    subject: str
    body: str


def letter(subject: str, *paragraphs: str) -> Letter:
    """The paragraphs that say something, with an empty line between them."""
    body = "\n\n".join(text for text in paragraphs if text) + "\n"
    return Letter(subject=one_line(subject, length=250), body=body)


def published_letter(news: Published) -> Letter:
    """Tell a follower that the link shows something else now."""
    edition = news.edition
    return letter(
        f"{name_of(edition.variant)}: {_subject_of(news)}",
        _what_happened(news),
        edition.facts.get("summary", ""),
        _what_changed(news),
        _data_as_of(edition),
        f"What everyone sees now:\n{link_of(edition.variant)}",
        f"Exactly this edition, for ever:\n{edition_link(edition)}",
    )


def footer(unsubscribe_url: str) -> str:
    """Below every mail to a follower."""
    return f"\nYou get this because you follow it. Stop with one click:\n{unsubscribe_url}\n"


def what_readers_see(current: Edition | None, line: str) -> str:
    if current is None:
        return "Readers see nothing yet: no edition has been published."
    return (
        f"Readers still see edition {current} of {moment(current.created_at)}, with a line above it "
        f"that says {line}. They were not told by mail."
    )


def name_of(variant: Variant) -> str:
    title = variant.publication.title
    return title if variant.is_default else f"{title}, {variant}"


def link_of(variant: Variant) -> str:
    return url_of(variant.publication, variant=variant.slug)


def edition_link(edition: Edition) -> str:
    return url_of(edition.publication, edition=edition.number)


def run_link(pk: int) -> str:
    return f"{settings.PORTAL_ORIGIN}/operations/runs/{pk}/"


def moment(at: datetime) -> str:
    return f"{_here(at):%a %-d %b %Y %H:%M %Z}"


def time_of_day(at: datetime) -> str:
    return f"{_here(at):%H:%M}"


def _here(at: datetime) -> datetime:
    return at.astimezone(ZoneInfo(settings.DISPLAY_TIME_ZONE))


def _subject_of(news: Published) -> str:
    if _is_roll_back(news):
        return f"edition {news.edition} is shown again"
    if _is_new_version(news):
        return f"version {news.edition.version}"
    return f"edition {news.edition}"


def _what_happened(news: Published) -> str:
    edition, name = news.edition, name_of(news.edition.variant)
    who = f"{news.by} " if news.by else ""
    when = moment(news.at)
    if _is_roll_back(news):
        return (
            f"{name} went back to edition {edition} on {when}. {who or 'Somebody '}put it in the place "
            f"of edition {news.previous}, which is in the archive."
        )
    if _is_new_version(news):
        return (
            f"{edition.version.created_by} published version {edition.version} of {name} on {when}."
        )
    return f"{name} was refreshed on {when}: edition {edition} of version {edition.version}."


def _what_changed(news: Published) -> str:
    notes = news.edition.version.notes
    if notes and _is_new_version(news):
        return f"What changed:\n{notes}"
    changed = in_one_line(news.edition, news.previous) if news.previous else ""
    return f"What changed: {changed}." if changed else ""


def _data_as_of(edition: Edition) -> str:
    return f"Data as of {moment(edition.data_as_of)}." if edition.data_as_of else ""


def _is_roll_back(news: Published) -> bool:
    return news.previous is not None and news.edition.number < news.previous.number


def _is_new_version(news: Published) -> bool:
    return news.previous is None or news.previous.version_id != news.edition.version_id
