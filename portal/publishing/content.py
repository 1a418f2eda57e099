"""Which stored file an address on the content origin shows, and whether it still may.

    /c/<token>/<path>     one file of one edition

The token is a signed pointer, never a copy of a right: every request asks the database again, so closing an
account, narrowing an audience, removing a publication or revoking an embed takes effect at once.

    ["reader", edition, person, hour]    made for the page that a signed-in person has open
    ["grant", grant, edition]            made for the embed page of a grant
"""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from django.conf import settings
from django.db.models import QuerySet

from portal.accounts.models import User
from portal.common import tokens
from portal.publishing.models import Edition, EmbedGrant, Publication, TreeEntry
from portal.publishing.permissions import can_edit

PURPOSE = "content"
# A reader's token names the hour it was made in: the address stays the same for that hour, and the browser
# reuses what it has. It is good for a long working day, because an open page loads more files late.
WINDOW_SECONDS = 3600
READER_WINDOWS = 12
KEPT_SECONDS = 3600  # how long a browser may show a file without asking again
INDEX = "index.html"


class NotThere(Exception):
    """No file is shown there: unknown, expired and withdrawn look the same."""


@dataclass(frozen=True)
class Opened:
    """What a token opens at this moment.

    `framed_by`: the only origin that may frame the entry, empty when the page around it decides.
    """

    edition: Edition
    framed_by: str


def reader_url(edition: Edition, *, user: User, at: datetime, path: str = "") -> str:
    """Where this person's browser gets a file of the edition, its entry unless `path` names another.

    The same within an hour; dead twelve hours after the start of that hour, or when the person may not view it.
    """
    token = tokens.sign(["reader", edition.pk, user.pk, _window(at)], purpose=PURPOSE)
    return file_url(token, path or edition.entry)


def grant_url(grant: EmbedGrant, edition: Edition, *, path: str = "") -> str:
    """Where an embed gets a file of the edition, its entry unless `path` names another."""
    token = tokens.sign(["grant", grant.pk, edition.pk], purpose=PURPOSE)
    return file_url(token, path or edition.entry)


def file_url(token: str, path: str) -> str:
    """The absolute address of one file below a token."""
    return f"{settings.CONTENT_ORIGIN}/c/{token}/{quote(path)}"


def open_token(token: str, *, at: datetime) -> Opened:
    """Ask anew whether the token's bearer may see its edition.

    :raises NotThere: when the token is not ours, has expired, or what it points at was withdrawn.
    """
    try:
        claim = tokens.read(token, purpose=PURPOSE)
    except tokens.BadToken as error:
        raise NotThere from error
    match claim:
        case ["reader", int(edition), int(user), int(window)]:
            return _open_for_reader(edition, user, window, at=at)
        case ["grant", int(grant), int(edition)]:
            return _open_for_grant(grant, edition)
    raise NotThere


def find_file(edition: Edition, path: str) -> TreeEntry:
    """The file of exactly this path; a folder, with its slash, shows its index.html.

    :raises NotThere: when the edition has no such file.
    """
    name = path + INDEX if path.endswith("/") else path
    if "\0" in name:  # PostgreSQL cannot even be asked
        raise NotThere
    entries = TreeEntry.objects.select_related("blob")
    entry = entries.filter(tree_id=edition.tree_id, path=name).first()
    if entry is None:
        raise NotThere
    return entry


def editions_shown_by(grant: EmbedGrant) -> QuerySet[Edition]:
    """Every edition that the grant may show, now or in a page that was opened a while ago."""
    editions = Edition.objects.filter(variant_id=grant.variant_id, state=Edition.State.GOOD)
    if grant.major is not None:
        return editions.filter(version__major=grant.major)
    if grant.edition_id is not None:
        return editions.filter(pk=grant.edition_id)
    return editions


def _open_for_reader(edition_pk: int, user_pk: int, window: int, *, at: datetime) -> Opened:
    if not 0 <= _window(at) - window < READER_WINDOWS:
        raise NotThere
    user = User.objects.filter(pk=user_pk, is_active=True).first()
    if user is None:
        raise NotThere
    edition = (
        Edition.objects.select_related("publication")
        .filter(
            pk=edition_pk,
            publication__in=Publication.objects.listed().visible_to(user),
        )
        .first()
    )
    if edition is None or not (edition.is_good or can_edit(user, edition.publication)):
        raise NotThere
    return Opened(edition=edition, framed_by=settings.PORTAL_ORIGIN)


def _open_for_grant(grant_pk: int, edition_pk: int) -> Opened:
    grant = EmbedGrant.objects.filter(
        pk=grant_pk, revoked_at__isnull=True, publication__in=Publication.objects.listed()
    ).first()
    if grant is None:
        raise NotThere
    edition = editions_shown_by(grant).filter(pk=edition_pk).first()
    if edition is None:
        raise NotThere
    return Opened(edition=edition, framed_by="")


def _window(at: datetime) -> int:
    return int(at.timestamp()) // WINDOW_SECONDS
