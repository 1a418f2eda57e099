"""A small newsroom: one publication of alice's team, and people who may and may not read it."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from portal.accounts.models import Membership, Role, Team, User
from portal.publishing import actions, plugs
from portal.publishing.models import Audience, Edition, Publication, Variant, Version
from portal.publishing.trees import StoredFile
from portal.runs.models import Run, Schedule
from portal.runs.schedules import set_schedule

SENTENCE = "Cell 3 raised KeyError: 'revenue'."
MONDAY = datetime(2026, 11, 16, 5, 41, tzinfo=UTC)


class Newsroom:
    """Publishes, refreshes and fails the way the real rooms do, without executing anything."""

    def __init__(self) -> None:
        self.team = Team.objects.create(slug="delivery", name="Delivery")
        self.alice = self.person("alice", Role.AUTHOR, team=True)
        self.bob = self.person("bob", Role.AUTHOR, team=True)
        self.charlie = self.person("charlie", Role.READER)

    def person(self, name: str, role: Role = Role.READER, *, team: bool = False) -> User:
        user = User.objects.create_user(
            name, f"{name}@example.com", first_name=name.title(), role=role
        )
        if team:
            Membership.objects.create(user=user, team=self.team)
        return user

    def publish(
        self, text: str, *, by: User | None = None, at: datetime = MONDAY, notes: str = ""
    ) -> Version:
        files = [stored(text)]
        bundle = actions.Bundle(
            files=files,
            entry="index.html",
            format="html",
            executes=False,
            manifest={},
            facts={},
            kind="report",
            title="Weekly sales",
            summary="",
            rendered=actions.Rendered(files=files, entry="index.html"),
        )
        wish = actions.Wish(slug="weekly-sales", notes=notes, audience=Audience.TEAM)
        return actions.publish_bundle(bundle, wish, by=by or self.alice, at=at)

    def refresh(self, text: str, *, at: datetime, **facts: Any) -> Edition:
        rendered = actions.Rendered(
            files=[stored(text)], entry="index.html", data_as_of=at - timedelta(hours=6), **facts
        )
        edition = actions.add_edition(
            rendered,
            version=self.variant.version,
            variant=self.variant,
            logical_time=at,
            by=None,
            at=at,
        )
        actions.publish(edition, by=None, at=at, reason="Schedule")
        return edition

    def failed_run(self, *, at: datetime, **changes: Any) -> Run:
        fields: dict[str, Any] = {"state": Run.State.FAILED} | changes
        return Run.objects.create(
            version=self.variant.version,
            variant=self.variant,
            trigger=Run.Trigger.SCHEDULE,
            logical_time=at,
            queued_at=at,
            finished_at=at,
            **fields,
        )

    def fail(self, *, at: datetime, **changes: Any) -> Run:
        """A run that went wrong, and whoever is to be told is."""
        run = self.failed_run(at=at, **changes)
        with transaction.atomic():
            plugs.announce(plugs.RunFailed(self.publication, run.pk, SENTENCE, at))
        return run

    def recover(self, *, failures: int, at: datetime) -> Run:
        run = self.failed_run(at=at, state=Run.State.UNCHANGED)
        with transaction.atomic():
            plugs.announce(plugs.Recovered(self.publication, run.pk, failures, at))
        return run

    def schedule(self, *, at: datetime) -> Schedule:
        return set_schedule(self.variant, every_minutes=60, by=self.alice, at=at)

    @property
    def publication(self) -> Publication:
        return Publication.objects.get(slug="weekly-sales")

    @property
    def variant(self) -> Variant:
        return self.publication.variants.select_related("version", "publication").get(
            slug="default"
        )


def stored(text: str) -> StoredFile:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return StoredFile(path="index.html", digest=digest, size=len(text), content_type="text/html")


@pytest.fixture
def newsroom(db: None) -> Newsroom:
    return Newsroom()
