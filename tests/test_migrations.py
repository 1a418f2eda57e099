"""Data migrations, with rows in them."""

from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone


@pytest.fixture
def migrated_to(transactional_db: None) -> Any:
    """Go to a migration, and see the models as they were there; back at the newest afterwards."""

    def go(name: str) -> Any:
        executor = MigrationExecutor(connection)
        executor.migrate([("portal", name)])
        return MigrationExecutor(connection).loader.project_state([("portal", name)]).apps

    yield go
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_schedules_say_how_each_stands(migrated_to: Any) -> None:
    old = migrated_to("0007_runpage")
    now = timezone.now()
    author = old.get_model("portal", "User").objects.create(username="alice")
    publication = old.get_model("portal", "Publication").objects.create(
        kind="report", slug="sales", title="Sales", owner=author, timezone="UTC", created_at=now
    )
    for slug, switches in (("going", [False, True]), ("paused", [False, False])):
        variant = old.get_model("portal", "Variant").objects.create(
            publication=publication, slug=slug
        )
        for on in switches:
            variant.schedules.create(
                rule="cron",
                cron="0 7 * * *",
                timezone="UTC",
                enabled=on,
                starts_at=now,
                next_due_at=now,
                created_by=author,
                created_at=now,
            )

    new = migrated_to("0008_schedules")

    rows = new.get_model("portal", "Schedule").objects.order_by("variant__slug", "pk")
    assert [(row.variant.slug, row.state, row.next_due_at) for row in rows] == [
        ("going", "ended", None),
        ("going", "active", now),
        ("paused", "ended", None),
        ("paused", "paused", None),
    ]


def test_followers_follow_the_default_variant(migrated_to: Any) -> None:
    old = migrated_to("0008_schedules")
    now = timezone.now()
    alice, bob = (
        old.get_model("portal", "User").objects.create(username=name) for name in ("alice", "bob")
    )
    for slug in ("with", "without"):
        publication = old.get_model("portal", "Publication").objects.create(
            kind="report", slug=slug, title=slug, owner=alice, timezone="UTC", created_at=now
        )
        if slug == "with":
            publication.variants.create(slug="emea")
            publication.variants.create(slug="default")
        for person in (alice, bob):
            publication.subscriptions.create(user=person, created_at=now)

    new = migrated_to("0013_telling")

    rows = new.get_model("portal", "Subscription").objects.values_list(
        "variant__publication__slug", "variant__slug", "user__username"
    )
    assert sorted(rows) == [
        ("with", "default", "alice"),
        ("with", "default", "bob"),
        ("without", "default", "alice"),
        ("without", "default", "bob"),
    ]
