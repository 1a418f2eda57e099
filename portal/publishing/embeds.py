"""Embeds: one revocable key for each place where a publication is shown outside of the portal.

The key is a signed pointer to its row, so it can be copied again at any time and dies with the row. The
sites that may show it are in the row, and browsers hold to them by `frame-ancestors`.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.html import escape

from portal.accounts.models import User
from portal.common import tokens
from portal.common.text import one_line
from portal.publishing.actions import PublishingError
from portal.publishing.audit import record
from portal.publishing.links import Address, Resolved, resolve_within
from portal.publishing.models import Edition, EmbedGrant, Publication, Variant
from portal.publishing.permissions import can_embed, is_gone

PURPOSE = "embed"
MAX_ORIGINS = 20
LABEL_LENGTH = 120
FIRST_HEIGHT = (
    480  # until the content has said how tall it is, and where the host strips the script
)
SANDBOX = "allow-scripts allow-downloads allow-popups allow-popups-to-escape-sandbox"
HOST_SCRIPT = settings.BASE_DIR / "static" / "embed" / "host.js"

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(\*\.{_LABEL}\.)?{_LABEL}(\.{_LABEL})*")
_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class BadOrigin(PublishingError):
    """What was given is not a site that could show the embed."""

    code = "bad_origin"


class NothingToFollow(PublishingError):
    """The publication has no such version or edition."""

    code = "nothing_to_follow"


@transaction.atomic
def create_grant(
    publication: Publication,
    *,
    variant: Variant,
    follows: str,
    major: int | None = None,
    edition: Edition | None = None,
    label: str,
    origins: Iterable[str],
    by: User,
    at: datetime,
) -> EmbedGrant:
    """Make a key for one place. `major` and `edition` count only where `follows` says so.

    :raises BadOrigin: when no site is named, too many are, or one is not a site.
    :raises NothingToFollow: when the variant, major or edition is not one of the publication's.
    :raises PermissionDenied: when the person may not embed it.
    """
    _require_embed(by, publication)
    followed_major = major if follows == EmbedGrant.Follows.MAJOR else None
    followed_edition = edition if follows == EmbedGrant.Follows.EDITION else None
    _check_followed(publication, variant, follows, followed_major, followed_edition)
    grant = EmbedGrant.objects.create(
        publication=publication,
        variant=followed_edition.variant if followed_edition else variant,
        follows=follows,
        major=followed_major,
        edition=followed_edition,
        label=one_line(label, length=LABEL_LENGTH),
        origins=check_origins(origins),
        created_by=by,
        created_at=at,
    )
    record(
        "create_embed",
        grant,
        by=by,
        at=at,
        publication=publication,
        label=grant.label,
        follows=grant.follows,
        origins=grant.origins,
    )
    return grant


@transaction.atomic
def revoke_grant(grant: EmbedGrant, *, by: User, at: datetime) -> EmbedGrant:
    """Switch the key off, for ever and from this moment. Revoking twice changes nothing.

    :raises PermissionDenied: when the person may not embed the publication.
    """
    _require_embed(by, grant.publication)
    live = EmbedGrant.objects.filter(pk=grant.pk, revoked_at__isnull=True)
    if live.update(revoked_at=at, revoked_by=by) == 1:
        record(
            "revoke_embed",
            grant,
            by=by,
            at=at,
            publication=grant.publication,
            label=grant.label,
        )
    grant.refresh_from_db(fields=["revoked_at", "revoked_by"])
    return grant


def grants_of(publication: Publication) -> QuerySet[EmbedGrant]:
    """Every key of the publication: those that work first, then the newest."""
    return (
        EmbedGrant.objects.filter(publication=publication)
        .select_related("variant", "edition", "created_by", "revoked_by")
        .order_by(F("revoked_at").desc(nulls_first=True), "-created_at", "-pk")
    )


def embed_url(grant: EmbedGrant) -> str:
    """The address of the embed page; the same every time."""
    token = tokens.sign(grant.pk, purpose=PURPOSE)
    return f"{settings.CONTENT_ORIGIN}/e/{token}/"


def find_grant(token: str) -> EmbedGrant | None:
    """The grant that a token of an embed page points at, revoked or not; None when it is not ours."""
    try:
        pk = tokens.read(token, purpose=PURPOSE)
    except tokens.BadToken:
        return None
    grants = EmbedGrant.objects.select_related("publication__part__parent", "variant", "edition")
    return grants.filter(pk=pk).first()


def resolve_grant(grant: EmbedGrant) -> Resolved:
    """What the embed shows now.

    :raises portal.publishing.links.NoSuchPublication: when its edition or version is not shown any more.
    :raises portal.publishing.links.NoEditionYet: when nothing is published there yet.
    """
    address = Address(
        slug=grant.publication.slug,
        variant=grant.variant.slug,
        major=grant.major,
        edition=grant.edition.number if grant.edition else None,
    )
    return resolve_within(grant.publication, address)


def snippet(grant: EmbedGrant) -> str:
    """What the author pastes into a page: the frame, and the script that gives it its content's height."""
    return (
        f'<iframe src="{embed_url(grant)}" title="{escape(grant.publication.title)}" width="100%"'
        f' height="{FIRST_HEIGHT}" style="border:0" loading="lazy" referrerpolicy="origin"'
        f' sandbox="{SANDBOX}"></iframe>\n<script>{host_script()}</script>'
    )


@cache
def host_script() -> str:
    """host.js without comments and line breaks: at most 300 bytes, so that it can stand in the snippet."""
    lines = (line.strip() for line in HOST_SCRIPT.read_text(encoding="utf-8").splitlines())
    return "".join(line for line in lines if not line.startswith("//"))


def check_origins(origins: Iterable[str]) -> list[str]:
    """Sites as browsers write them, each once, in the order given.

    :raises BadOrigin: with a sentence that says what is wrong and how to write it.
    """
    sites = list(dict.fromkeys(_origin(text) for text in origins if text.strip()))
    if not sites:
        raise BadOrigin(
            "Name at least one site that may show it, such as https://wiki.example.com."
        )
    if len(sites) > MAX_ORIGINS:
        raise BadOrigin(
            f"At most {MAX_ORIGINS} sites can share a key. Make another embed for the rest."
        )
    return sites


def may_show(grant: EmbedGrant, origin: str) -> bool:
    """Whether a page of this origin may show the embed; as `frame-ancestors` in a browser would say."""
    return any(_covers(allowed, origin) for allowed in grant.origins)


def _require_embed(user: User, publication: Publication) -> None:
    if not can_embed(user, publication):
        raise PermissionDenied(
            f"Only {publication.owner}, authors of the same team and admins can embed “{publication}”."
        )


def _check_followed(
    publication: Publication,
    variant: Variant,
    follows: str,
    major: int | None,
    edition: Edition | None,
) -> None:
    if is_gone(publication):
        raise NothingToFollow(f"“{publication}” was removed and cannot be shown anywhere.")
    if variant.publication_id != publication.pk:
        raise NothingToFollow(f"“{publication}” has no variant “{variant}”.")
    if follows not in EmbedGrant.Follows.values:
        raise NothingToFollow(
            "An embed follows the latest edition, a major version or one edition."
        )
    if follows == EmbedGrant.Follows.MAJOR and not _has_major(variant, major):
        raise NothingToFollow(
            f"Nothing of version {major or '?'} was published yet. Choose another."
        )
    if follows == EmbedGrant.Follows.EDITION and not _has_edition(publication, edition):
        raise NothingToFollow("Choose one of the editions that readers can open.")


def _has_major(variant: Variant, major: int | None) -> bool:
    if major is None:
        return False
    return variant.publish_events.filter(edition__version__major=major).exists()


def _has_edition(publication: Publication, edition: Edition | None) -> bool:
    return edition is not None and edition.publication_id == publication.pk and edition.is_good


def _origin(text: str) -> str:
    """One site, checked and in the browser's own spelling: `https://host` with a port that is not the usual one."""
    parts, host, port = _parts(text.strip().lower())
    if not _HOST.fullmatch(host) or len(host) > 253:
        raise BadOrigin(
            f"“{_shown(text)}” is not a site. Write a whole host name; a * may only stand for its first "
            "part, as in https://*.example.com."
        )
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None:
        raise BadOrigin(
            f"Only whole sites can be allowed, not single pages: write {parts.scheme}://{host}{port}."
        )
    if parts.scheme == "http" and settings.HTTPS and not _LOOPBACK.fullmatch(host):
        raise BadOrigin(f"“{_shown(text)}” is not encrypted. Write https://{host}{port}.")
    return f"{parts.scheme}://{host}{port}"


def _parts(text: str) -> tuple[SplitResult, str, str]:
    """The parts of an address, its host in ASCII, and its port as `:8443`, empty when it is the usual one."""
    try:
        parts = urlsplit(text)
        host, number = parts.hostname or "", parts.port
        host = host if host.isascii() else host.encode("idna").decode()
    except ValueError as error:  # UnicodeError is one too
        raise BadOrigin(f"“{_shown(text)}” is not an address.") from error
    if parts.scheme not in _DEFAULT_PORTS:
        raise BadOrigin(f"“{_shown(text)}” needs its beginning: write https://{_shown(text)}.")
    usual = number is None or number == _DEFAULT_PORTS[parts.scheme]
    return parts, host, "" if usual else f":{number}"


def _shown(text: str) -> str:
    return one_line(text, length=100)


def _covers(allowed: str, origin: str) -> bool:
    """Whether a CSP source covers an origin; plain http also covers the encrypted site, as browsers do."""
    if origin.startswith("https://") and allowed.startswith("http://"):
        allowed = allowed.replace("http://", "https://", 1)
    scheme, _, host = allowed.partition("://")
    if not host.startswith("*."):
        return allowed == origin
    return origin.startswith(f"{scheme}://") and origin.endswith(host[1:])
