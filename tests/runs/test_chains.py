"""Schedules that wait for others or for data: whom they may name, circles, hooks and keys."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.db import transaction

from portal.accounts.models import User
from portal.publishing import variants
from portal.publishing.models import Audience, AuditEvent, Publication, Variant
from portal.runs import chains, hooks, rules, schedules
from portal.runs.models import Schedule
from portal.runs.rules import BadSchedule
from tests import factories
from tests.machine import wait_until
from tests.publishing.test_concurrency import Elsewhere, held_up
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db
Make = Callable[..., Variant]


@pytest.fixture
def made(alice: User) -> Make:
    """A publication by its slug; its title is the slug in upper case."""

    def make(slug: str, by: User = alice) -> Variant:
        wishes = {"slug": slug, "title": slug.upper(), "create": True}
        factories.version(slug, by=by, **wishes)
        return Variant.objects.select_related("publication").get(publication__slug=slug)

    return make


def wait(variant: Variant, *upstreams: Variant, by: User, **wish: Any) -> Schedule:
    wish = {"rule": "after", "timezone": "UTC"} | wish
    return schedules.set_schedule(variant, upstreams=upstreams, **wish, by=by, at=MONDAY)


def test_schedule_waits_for_what_it_names(made: Make, alice: User) -> None:
    a, b, c = made("a"), made("b"), made("c")

    schedule = wait(a, b, c, by=alice)
    words = rules.explain(schedule)
    wait(a, c, by=alice, needs="any")

    schedule.refresh_from_db()
    assert words == "After “B” and “C” have a new edition"
    assert rules.explain(schedule) == "After “C” has a new edition"
    assert schedule.next_due_at is None
    assert AuditEvent.objects.filter(action="set_schedule").last().detail["upstreams"] == ["c"]


def test_what_it_waited_for_is_forgotten_with_the_rule(made: Make, alice: User) -> None:
    a, b = made("a"), made("b")
    schedule = wait(a, b, by=alice)

    schedules.set_schedule(a, cron="0 7 * * *", by=alice, at=MONDAY)

    assert not schedule.upstreams.exists()


def test_schedules_may_not_wait_for_each_other(made: Make, alice: User) -> None:
    a, b, c = made("a"), made("b"), made("c")
    wait(b, c, by=alice)
    schedules.pause(wait(a, b, by=alice), by=alice, at=MONDAY)

    with pytest.raises(BadSchedule) as refused:
        wait(c, a, by=alice)

    assert str(refused.value) == (
        "They would wait for each other: “C” waits for “A”, which waits for “B”, which waits for “C”."
    )
    assert Schedule.objects.filter(variant=c).count() == 0


def test_ended_and_former_waits_make_no_circle(made: Make, alice: User) -> None:
    a, b = made("a"), made("b")
    schedules.end(wait(a, b, by=alice), by=alice, at=MONDAY)
    wait(b, a, by=alice)

    schedules.end(Schedule.objects.get(variant=b), by=alice, at=MONDAY)
    wait(a, b, by=alice)

    assert Schedule.objects.filter(state="active").get().variant == a


def test_diamond_is_no_circle(made: Make, alice: User) -> None:
    a, b, c, d = (made(name) for name in "abcd")
    wait(b, a, by=alice)
    wait(c, a, by=alice)

    wait(d, b, c, by=alice)

    assert Schedule.objects.get(variant=d).upstreams.count() == 2


@pytest.mark.parametrize("names", [["nothing"], ["b:nothing"], ["hidden"], ["a:default:x"]])
def test_unknown_and_hidden_upstreams_look_the_same(
    made: Make, alice: User, dora: User, names: list[str]
) -> None:
    made("b")
    made("hidden", dora)
    Publication.objects.filter(slug="hidden").update(audience=Audience.OWNER)

    with pytest.raises(BadSchedule, match=f"There is no “{names[0]}” that you could wait for"):
        chains.find_upstreams(names, by=alice)


def test_circle_does_not_tell_of_what_one_may_not_see(made: Make, alice: User, ada: User) -> None:
    a, b = made("a"), made("b", ada)
    wait(b, a, by=ada)
    Publication.objects.filter(slug="b").update(audience=Audience.OWNER)
    b.publication.refresh_from_db()
    schedule = wait(made("c"), b, by=ada)

    assert rules.explain(schedule) == "After 1 other publication has a new edition"
    with pytest.raises(BadSchedule, match="There is no “b”"):
        wait(a, b, by=alice)


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({}, "at least one"),
        ({"itself": True}, "cannot wait for itself"),
        ({"rule": "cron", "cron": "0 7 * * *", "other": True}, "Only a schedule after"),
    ],
)
def test_wait_that_makes_no_sense_is_refused(
    made: Make, alice: User, wish: dict[str, Any], says: str
) -> None:
    a, b = made("a"), made("b")
    upstreams = [a] if wish.pop("itself", False) else [b] if wish.pop("other", False) else []

    with pytest.raises(BadSchedule, match=says):
        wait(a, *upstreams, by=alice, **wish)


def test_arrival_schedule_has_an_address_and_a_key_that_stay(
    counting: Variant, alice: User
) -> None:
    first = schedules.set_schedule(counting, rule="arrival", by=alice, at=MONDAY)
    key, hook = hooks.open_key(first), first.hook
    again = schedules.set_schedule(counting, rule="arrival", overlap="queue", by=alice, at=MONDAY)

    assert (again.hook, hooks.open_key(again), len(key)) == (hook, key, 32)
    assert base64.b64encode(key).decode() == hooks.shown_key(first).removeprefix("whsec_")
    assert base64.b64encode(key).decode() not in first.hook_ciphertext


def test_new_key_takes_the_place_of_the_former(counting: Variant, alice: User) -> None:
    schedule = schedules.set_schedule(counting, rule="arrival", by=alice, at=MONDAY)
    former = hooks.open_key(schedule)

    shown = schedules.renew_key(schedule, by=alice, at=MONDAY)

    schedule.refresh_from_db()
    assert hooks.shown_key(schedule) == shown
    assert hooks.open_key(schedule) != former
    assert AuditEvent.objects.filter(action="renew_schedule_key", by=alice).exists()


def test_hook_goes_with_the_rule(counting: Variant, alice: User) -> None:
    schedules.set_schedule(counting, rule="arrival", by=alice, at=MONDAY)

    changed = schedules.set_schedule(counting, every_minutes=5, by=alice, at=MONDAY)

    assert (changed.hook, changed.hook_ciphertext) == (None, "")


def test_signing_keys_are_sealed_again_with_a_new_key(
    counting: Variant, alice: User, settings: LazySettings
) -> None:
    former, newer = (Fernet.generate_key().decode() for _ in range(2))
    settings.SECRETS_KEYS = [former]
    schedule = schedules.set_schedule(counting, rule="arrival", by=alice, at=MONDAY)
    key = hooks.open_key(schedule)
    settings.SECRETS_KEYS = [newer, former]

    unreadable = hooks.rotate(by=None, at=MONDAY)

    settings.SECRETS_KEYS = [newer]
    schedule.refresh_from_db()
    assert (unreadable, hooks.open_key(schedule)) == ([], key)
    settings.SECRETS_KEYS = [former]
    assert hooks.rotate(by=None, at=MONDAY) == [schedule]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_that_save_at_once_close_no_circle(made: Make, alice: User) -> None:
    a, b = made("a"), made("b")
    late = Elsewhere(lambda: wait(b, a, by=alice))

    with transaction.atomic():
        wait(a, b, by=alice)
        late.start()
        wait_until(held_up)
    late.join()

    assert isinstance(late.outcome, BadSchedule)
    assert list(Schedule.objects.values_list("variant", flat=True)) == [a.pk]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_that_save_the_first_schedule_at_once_save_one(counting: Variant, alice: User) -> None:
    wish = {"every_minutes": 60, "by": alice, "at": MONDAY}
    late = Elsewhere(lambda: schedules.set_schedule(counting, **wish))

    with transaction.atomic():
        first = schedules.set_schedule(counting, **wish)
        late.start()
        wait_until(held_up)
    late.join()

    assert late.outcome == first


def test_variant_that_was_removed_meanwhile_gets_no_schedule(
    counting: Variant, alice: User
) -> None:
    other = counting.publication.variants.create(slug="emea", title="EMEA")
    variants.remove_variant(other, by=alice, at=MONDAY)

    with pytest.raises(BadSchedule, match="was removed"):
        schedules.set_schedule(other, every_minutes=60, by=alice, at=MONDAY)

    assert not other.schedules.exists()
