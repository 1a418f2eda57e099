"""Publications made of small files that the tests write themselves."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from portal.accounts.models import Membership, Role, Team, User
from portal.publishing import actions
from portal.publishing.models import Audience, Edition
from portal.publishing.trees import store_files

NOON = datetime(2026, 11, 16, 12, 0, tzinfo=UTC)


def person(name: str, role: Role = Role.AUTHOR, *, team: Team | None = None) -> User:
    user = User.objects.create_user(name, f"{name}@example.com", "secret", role=role)
    if team is not None:
        Membership.objects.create(user=user, team=team)
    return user


def publish(
    folder: Path,
    files: Mapping[str, str | bytes],
    *,
    by: User,
    slug: str = "weekly-sales",
    change: str = "minor",
    audience: Audience = Audience.COMPANY,
    data_as_of: datetime | None = None,
    at: datetime = NOON,
) -> Edition:
    """Write the files below `folder`, publish them as the next version, and return its edition.

    The first file is the entry.
    """
    root = folder / f"{slug}-{len(list(folder.glob(f'{slug}-*')))}"
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text if isinstance(text, bytes) else text.encode())
    stored, entry = store_files(root), next(iter(files))
    bundle = actions.Bundle(
        files=stored,
        entry=entry,
        format="html",
        executes=False,
        manifest={},
        facts={},
        kind="report",
        title=slug.replace("-", " ").capitalize(),
        summary="",
        rendered=actions.Rendered(files=stored, entry=entry, data_as_of=data_as_of),
    )
    wish = actions.Wish(slug=slug, change=change, notes="What changed", audience=audience)
    version = actions.publish_bundle(bundle, wish, by=by, at=at)
    return version.editions.select_related("publication", "variant").get()
