"""Publishing, rolling back, and what is refused."""

import pytest
from django.core.exceptions import PermissionDenied

from portal.accounts.models import Team, User
from portal.publishing import actions
from portal.publishing.actions import Wish
from portal.publishing.models import (
    Audience,
    AuditEvent,
    Edition,
    Publication,
    PublishEvent,
    SlugRedirect,
    Variant,
    Version,
)
from portal.runs import schedules
from portal.runs.models import Run, Schedule
from tests import factories
from tests.factories import MONDAY, WEEK, bundle


def publish(text: str, by: User, **wish: object) -> Version:
    return actions.publish_bundle(
        bundle(text), Wish(**({"slug": "weekly-sales"} | wish)), by=by, at=MONDAY
    )


def test_publish_bundle_creates_a_publication_with_version_1_0(alice: User, team: Team) -> None:
    version = publish("first", alice)

    publication = version.publication
    assert version.number == "1.0"
    assert (publication.slug, publication.title) == ("weekly-sales", "Weekly sales")
    assert (publication.owner, publication.team) == (alice, team)
    assert publication.audience == Audience.COMPANY


def test_publish_bundle_shows_finished_files_at_once(alice: User) -> None:
    version = publish("first", alice)

    variant = Variant.objects.get(publication=version.publication)
    assert variant.current == Edition.objects.get()
    event = PublishEvent.objects.get()
    assert (event.previous, event.edition, event.by) == (None, variant.current, alice)


def test_publish_bundle_queues_code_and_shows_nothing_yet(alice: User) -> None:
    version = actions.publish_bundle(factories.code(), Wish(slug="sales"), by=alice, at=MONDAY)

    assert Variant.objects.get(publication=version.publication).current is None
    assert Run.objects.get(version=version).state == Run.State.QUEUED


def test_publish_bundle_leaves_a_paused_schedule_alone_until_the_manifest_changes(
    alice: User,
) -> None:
    def plan_after(text: str, minutes: int) -> list[int | None]:
        made = factories.code(text, manifest={"schedule": {"every_minutes": minutes}})
        actions.publish_bundle(made, Wish(slug="sales"), by=alice, at=MONDAY)
        enabled = Schedule.objects.filter(state=Schedule.State.ACTIVE)
        return list(enabled.values_list("every_minutes", flat=True))

    first = plan_after("print(1)", 30)
    schedules.pause(Schedule.objects.get(), by=alice, at=MONDAY)

    assert first == [30]
    assert plan_after("print(2)", 30) == []
    assert plan_after("print(3)", 60) == [60]


def test_publish_bundle_counts_minor_by_default_and_major_when_asked(alice: User) -> None:
    numbers = [
        publish("a", alice).number,
        publish("b", alice).number,
        publish("c", alice, change="major", notes="The clock starts at checkout.").number,
        publish("d", alice).number,
    ]

    assert numbers == ["1.0", "1.1", "2.0", "2.1"]


def test_publish_bundle_by_slug_never_makes_a_second_publication(alice: User, bob: User) -> None:
    publish("a", alice)
    publish("b", bob)

    assert Publication.objects.get().versions.count() == 2


def test_publish_bundle_takes_the_slug_of_the_manifest(alice: User) -> None:
    version = actions.publish_bundle(
        bundle(manifest={"slug": "from-manifest"}), Wish(), by=alice, at=MONDAY
    )

    assert version.publication.slug == "from-manifest"


def test_publish_bundle_without_a_slug_makes_a_free_one_of_the_title(alice: User) -> None:
    slugs = [
        actions.publish_bundle(bundle(text), Wish(), by=alice, at=MONDAY).publication.slug
        for text in ("a", "b")
    ]

    assert slugs == ["weekly-sales", "weekly-sales-2"]


def test_publish_bundle_refuses_a_slug_that_looks_like_a_typing_error(alice: User) -> None:
    publish("a", alice)

    with pytest.raises(actions.SlugUnknown, match=r"Did you mean weekly-sales\?"):
        publish("b", alice, slug="weekly-sale")

    assert Publication.objects.count() == 1


def test_publish_bundle_creates_a_slug_that_looks_like_a_typing_error_when_told(
    alice: User,
) -> None:
    publish("a", alice)

    assert publish("b", alice, slug="weekly-sale", create=True).number == "1.0"


def test_publish_bundle_refuses_to_create_when_only_a_version_was_meant(alice: User) -> None:
    with pytest.raises(actions.SlugUnknown):
        publish("a", alice, create=False)


@pytest.mark.parametrize("slug", ["Weekly Sales", "weekly_sales", "-", "wöchentlich", "a/b"])
def test_publish_bundle_refuses_a_slug_that_is_no_link(alice: User, slug: str) -> None:
    with pytest.raises(actions.SlugUnusable):
        publish("a", alice, slug=slug)


def test_publish_bundle_refuses_new_for_a_slug_that_is_taken(alice: User) -> None:
    publish("a", alice)

    with pytest.raises(actions.SlugTaken, match="already"):
        publish("b", alice, create=True)


def test_publish_bundle_refuses_a_former_slug(alice: User) -> None:
    publication = publish("a", alice).publication
    SlugRedirect.objects.create(slug="old-sales", publication=publication, created_at=MONDAY)

    with pytest.raises(actions.SlugTaken, match="still work"):
        publish("b", alice, slug="old-sales")


def test_publish_bundle_refuses_the_slug_of_what_was_removed(alice: User) -> None:
    publication = publish("a", alice).publication
    Publication.objects.filter(pk=publication.pk).update(
        state="removed", removed_at=MONDAY, removed_by=alice
    )

    with pytest.raises(actions.SlugTaken, match="never given away"):
        publish("b", alice)


def test_publish_bundle_refuses_files_that_are_the_newest_version(alice: User) -> None:
    publish("a", alice)

    with pytest.raises(actions.Unchanged, match=r"version 1\.0 already"):
        publish("a", alice)

    assert (Version.objects.count(), Edition.objects.count()) == (1, 1)


def test_publish_bundle_refuses_when_somebody_was_faster(alice: User, bob: User) -> None:
    publish("a", alice)
    publish("b", bob)

    with pytest.raises(actions.VersionMoved, match=r"Bob published version 1\.1"):
        publish("c", alice, based_on="1.0")


def test_publish_bundle_refuses_a_major_version_without_a_note(alice: User) -> None:
    publish("a", alice)

    with pytest.raises(actions.NoteMissing):
        publish("b", alice, change="major", notes="  ")

    assert Version.objects.count() == 1


def test_publish_bundle_refuses_a_team_audience_without_a_team(rita: User) -> None:
    with pytest.raises(actions.PublishingError, match="in no team"):
        publish("a", rita, audience="team")

    assert not Publication.objects.exists()


def test_publish_bundle_is_not_for_readers(charlie: User) -> None:
    with pytest.raises(PermissionDenied, match="Your role is reader"):
        publish("a", charlie)


def test_publish_bundle_is_not_for_authors_of_other_teams(alice: User, rita: User) -> None:
    publish("a", alice)

    with pytest.raises(PermissionDenied, match="Only Alice"):
        publish("b", rita)


def test_publish_bundle_to_what_one_may_not_see_tells_nothing_of_it(alice: User, bob: User) -> None:
    publish("first", alice, title="Takeover of a rival", audience="owner")

    for by_name in (None, True, False):
        with pytest.raises(actions.SlugTaken) as refusal:
            publish("mine", bob, create=by_name)
        assert str(refusal.value) == "The slug weekly-sales is taken. Choose another."
    assert Version.objects.count() == 1


def test_publish_bundle_does_not_suggest_a_slug_that_one_may_not_see(
    alice: User, bob: User
) -> None:
    publish("first", alice, audience="owner")

    assert publish("mine", bob, slug="weekly-sale").publication.slug == "weekly-sale"


def test_publish_bundle_does_not_say_whose_a_former_slug_was(alice: User, bob: User) -> None:
    publication = publish("first", alice, title="Takeover", audience="owner").publication
    SlugRedirect.objects.create(slug="old-sales", publication=publication, created_at=MONDAY)

    with pytest.raises(actions.SlugTaken, match="was the slug of another"):
        publish("mine", bob, slug="old-sales")


def test_publish_bundle_leaves_an_audit_trail(alice: User) -> None:
    publish("a", alice)

    trail = AuditEvent.objects.order_by("pk").values_list("action", "by")
    assert list(trail) == [("create", alice.pk), ("add_version", alice.pk), ("publish", alice.pk)]


def test_publish_moves_the_link_and_keeps_what_was_there(alice: User) -> None:
    publication = factories.publication(by=alice)
    edition = factories.refresh(publication, "second", at=MONDAY + WEEK)

    event = PublishEvent.objects.latest("at")
    assert Variant.objects.get().current == edition
    assert (event.previous.number, event.edition.number) == (1, 2)
    assert publication.editions.count() == 2


def test_publish_of_what_is_current_changes_nothing(alice: User) -> None:
    factories.publication(by=alice)

    event = actions.publish(Edition.objects.get(), by=alice, at=MONDAY, reason="Again")

    assert event is None
    assert PublishEvent.objects.count() == 1


def test_publish_refuses_a_quarantined_edition(alice: User) -> None:
    publication = factories.publication(by=alice)
    factories.refresh(publication, "second", at=MONDAY + WEEK)
    first = Edition.objects.get(number=1)
    first.state = Edition.State.QUARANTINED

    with pytest.raises(actions.EditionQuarantined):
        actions.publish(first, by=alice, at=MONDAY, reason="No")


def test_roll_back_shows_an_archived_edition_again_and_refreshes_its_version(alice: User) -> None:
    first = factories.version("a", by=alice)
    second = factories.version("b", by=alice, at=MONDAY + WEEK)

    event = actions.roll_back(
        first.editions.get(), by=alice, at=MONDAY + 2 * WEEK, reason="Wrong prices"
    )

    variant = Variant.objects.get()
    assert (variant.current, variant.version) == (first.editions.get(), first)
    assert event is not None
    assert (event.previous, event.reason) == (second.editions.get(), "Wrong prices")
    assert PublishEvent.objects.count() == 3


def test_roll_back_needs_a_reason(alice: User) -> None:
    factories.publication(by=alice)

    with pytest.raises(actions.NoteMissing):
        actions.roll_back(Edition.objects.get(), by=alice, at=MONDAY, reason=" ")


def test_roll_back_is_not_for_readers(alice: User, charlie: User) -> None:
    factories.publication(by=alice)

    with pytest.raises(PermissionDenied):
        actions.roll_back(Edition.objects.get(), by=charlie, at=MONDAY, reason="Mine")
