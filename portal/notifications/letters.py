"""What a message says: plain text, what happened first, then what readers see, then the links."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings

from portal.common.text import one_line
from portal.publishing.links import url_of
from portal.publishing.models import Edition, Variant
from portal.publishing.plugs import Published
from portal.runs.models import Run


@dataclass(frozen=True)
class Letter:
    """A mail without its address."""

    subject: str
    body: str


def published_letter(news: Published) -> Letter:
    """Tell a follower that the link shows something else now."""
    edition = news.edition
    return Letter(
        subject=one_line(f"{_name(edition.variant)}: {_subject_of(news)}", length=250),
        body=_paragraphs(
            _what_happened(news),
            edition.facts.get("summary", ""),
            _what_changed(news),
            _data_as_of(edition),
            f"What everyone sees now:\n{_link(edition.variant)}",
            f"Exactly this edition, for ever:\n{_edition_link(edition)}",
            "You get this because you follow it. The page has a button to stop.",
        ),
    )


def failed_letter(run: Run, *, sentence: str, at: datetime) -> Letter:
    """Tell those who can repair it that a refresh went wrong, and what readers see meanwhile."""
    variant = run.variant
    return Letter(
        subject=one_line(f"{_name(variant)}: the refresh failed", length=250),
        body=_paragraphs(
            f"The refresh of {_name(variant)} (version {run.version}) failed on {_moment(at)}:",
            sentence,
            _what_readers_see(variant.current, "the refresh failed"),
            f"The log of the run:\n{settings.PORTAL_ORIGIN}/operations/runs/{run.pk}/",
            f"The page:\n{_link(variant)}",
            "You get this because you own it or wrote this version. If it keeps failing, "
            "you hear of it at most once an hour.",
        ),
    )


def quarantined_letter(run: Run, edition: Edition, *, sentence: str, at: datetime) -> Letter:
    """Tell those who can judge it that new data failed a check, and where to look at the edition."""
    variant = run.variant
    return Letter(
        subject=one_line(f"{_name(variant)}: edition {edition} is held back", length=250),
        body=_paragraphs(
            f"The refresh of {_name(variant)} (version {run.version}) made edition {edition} on "
            f"{_moment(at)}, and its data failed a check that keeps it from readers:",
            sentence,
            _what_readers_see(variant.current, "newer data are held back"),
            f"Look at the edition, and release it if it is right after all:\n{_edition_link(edition)}",
            f"The run with its checks:\n{settings.PORTAL_ORIGIN}/operations/runs/{run.pk}/",
            "You get this because you own it or wrote this version. If it goes on, "
            "you hear of it at most once an hour.",
        ),
    )


def _subject_of(news: Published) -> str:
    if _is_roll_back(news):
        return f"edition {news.edition} is shown again"
    if _is_new_version(news):
        return f"version {news.edition.version}"
    return f"edition {news.edition}"


def _what_happened(news: Published) -> str:
    edition, name = news.edition, _name(news.edition.variant)
    who = f"{news.by} " if news.by else ""
    when = _moment(news.at)
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
    return f"What changed:\n{notes}" if notes and _is_new_version(news) else ""


def _data_as_of(edition: Edition) -> str:
    return f"Data as of {_moment(edition.data_as_of)}." if edition.data_as_of else ""


def _what_readers_see(current: Edition | None, line: str) -> str:
    if current is None:
        return "Readers see nothing yet: no edition has been published."
    return (
        f"Readers still see edition {current} of {_moment(current.created_at)}, with a line above it "
        f"that says {line}. They were not told by mail."
    )


def _is_roll_back(news: Published) -> bool:
    return news.previous is not None and news.edition.number < news.previous.number


def _is_new_version(news: Published) -> bool:
    return news.previous is None or news.previous.version_id != news.edition.version_id


def _name(variant: Variant) -> str:
    title = variant.publication.title
    return title if variant.is_default else f"{title}, {variant}"


def _link(variant: Variant) -> str:
    return url_of(variant.publication, variant=variant.slug)


def _edition_link(edition: Edition) -> str:
    return url_of(edition.publication, edition=edition.number)


def _moment(at: datetime) -> str:
    return f"{at.astimezone(ZoneInfo(settings.DISPLAY_TIME_ZONE)):%a %-d %b %Y %H:%M %Z}"


def _paragraphs(*texts: str) -> str:
    return "\n\n".join(text for text in texts if text) + "\n"
