"""People and publications for tests, made by the portal's own actions. No bytes are stored unless asked for."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from portal.accounts.models import Membership, Role, Team, User
from portal.publishing import actions
from portal.publishing.actions import Bundle, Rendered, Wish
from portal.publishing.models import Audience, Edition, Publication, Variant, Version
from portal.publishing.trees import StoredFile

MONDAY = datetime(2026, 11, 16, 5, 41, tzinfo=UTC)
WEEK = timedelta(days=7)


def person(name: str, role: Role = Role.AUTHOR, *, team: Team | None = None) -> User:
    """Someone whose password is `secret`."""
    user = User.objects.create_user(
        name, f"{name}@example.com", "secret", first_name=name.title(), role=role
    )
    if team is not None:
        Membership.objects.create(user=user, team=team)
    return user


def stored(text: str, *, path: str = "index.html") -> StoredFile:
    """A file that the database knows and the digest store does not hold."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return StoredFile(path=path, digest=digest, size=len(text), content_type="text/html")


def rendered(text: str, **facts: Any) -> Rendered:
    """What readers see: one page."""
    return Rendered(files=[stored(text)], entry="index.html", **facts)


def bundle(text: str = "first", **changes: Any) -> Bundle:
    """A checked upload of one finished page."""
    plain: dict[str, Any] = {
        "files": [stored(text)],
        "entry": "index.html",
        "format": "html",
        "executes": False,
        "manifest": {},
        "facts": {},
        "kind": "report",
        "title": "Weekly sales",
        "summary": "What was sold where.",
        "rendered": rendered(text),
    }
    return Bundle(**(plain | changes))


def code(text: str = "print(1)", **changes: Any) -> Bundle:
    """A checked upload of a script that is to be run."""
    files = [stored(text, path="report.py")]
    script = {"entry": "report.py", "format": "script", "executes": True, "rendered": None}
    return bundle(text, files=files, **(script | changes))


def version(
    text: str = "first",
    *,
    by: User,
    slug: str = "weekly-sales",
    at: datetime = MONDAY,
    kind: str = "report",
    title: str = "Weekly sales",
    **wishes: Any,
) -> Version:
    """Publish one page as the next version of the publication with that slug."""
    wish = Wish(**({"slug": slug, "notes": "What changed", "create": _create(slug)} | wishes))
    return actions.publish_bundle(bundle(text, kind=kind, title=title), wish, by=by, at=at)


def publication(*, by: User, slug: str = "weekly-sales", **wishes: Any) -> Publication:
    """A publication with version 1.0 and edition 1."""
    return version(slug, by=by, slug=slug, **wishes).publication


def private(publication: Publication) -> Publication:
    """The publication, from now on for its owner alone."""
    publication.audience = Audience.OWNER
    publication.save(update_fields=["audience"])
    return publication


def refresh(publication: Publication, text: str, *, at: datetime, **facts: Any) -> Edition:
    """Another edition of the newest version, published as a schedule does."""
    variant = Variant.objects.select_related("version").get(publication=publication)
    assert variant.version is not None
    with transaction.atomic():
        edition = actions.add_edition(
            rendered(text, **facts),
            version=variant.version,
            variant=variant,
            logical_time=at,
            by=None,
            at=at,
        )
        actions.publish(edition, by=None, at=at, reason="Schedule")
    return edition


def _create(slug: str) -> bool | None:
    """Say “new” for new slugs, so that tests may use slugs that are much alike."""
    return None if Publication.objects.filter(slug=slug).exists() else True
