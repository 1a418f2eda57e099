"""Variants: saved, changed, removed, and rendered again with every new version."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client

from portal.accounts.models import User
from portal.publishing import actions, archive, embeds, links, queries, variants
from portal.publishing.models import AuditEvent, Publication, Variant
from portal.runs import schedules
from portal.runs.models import Schedule
from tests import factories
from tests.factories import MONDAY
from tests.publishing.varied import (
    MANIFEST,
    PAGE,
    REGION,
    Reading,
    bundle,
    default_of,
    render,
    save,
    standing_of,
    upload,
)


@pytest.fixture
def sales(alice: User) -> Publication:
    """Code with three parameters, whose first run is queued."""
    return upload(bundle(), by=alice).publication


# ---- saving and changing ----


def test_saved_variant_has_its_link_and_a_run(sales: Publication) -> None:
    made = save(sales, "Asia & Pacific", month="last month", net="no")

    assert made.slug == "asia-pacific"
    assert made.parameters == {"region": "APAC", "month": "previous month", "net": False}
    run = made.runs.get()
    assert (run.trigger, run.version, run.state) == ("manual", made.version, "queued")
    event = AuditEvent.objects.get(action="create_variant")
    assert (event.by, event.detail["slug"]) == (sales.owner, "asia-pacific")


@pytest.mark.parametrize(
    ("slug", "title", "values", "fields"),
    [
        ("", "", {}, {"title", "slug"}),
        ("Asia", "Asia", {}, {"slug"}),
        ("default", "Asia", {}, {"slug"}),
        ("taken", "Asia", {}, {"slug"}),
        ("gone", "Asia", {}, {"slug"}),
        ("ok", "Asia", {"region": "LATAM", "month": "soon"}, {"region", "month"}),
    ],
)
def test_wrong_fields_are_told_all_at_once(
    sales: Publication, slug: str, title: str, values: dict[str, str], fields: set[str]
) -> None:
    save(sales, "Taken")
    variants.remove_variant(save(sales, "Gone"), by=sales.owner, at=MONDAY)

    with pytest.raises(variants.BadVariant) as bad:
        variants.create_variant(
            sales, slug=slug, title=title, values=values, by=sales.owner, at=MONDAY
        )

    assert bad.value.errors.keys() == fields


def test_only_editors_save_variants(sales: Publication, bob: User, charlie: User) -> None:
    variants.create_variant(sales, title="Asia", values={}, by=bob, at=MONDAY)

    with pytest.raises(PermissionDenied):
        variants.create_variant(sales, title="Asia 2", values={}, by=charlie, at=MONDAY)


def test_version_without_parameters_has_nothing_to_vary(alice: User) -> None:
    plain = upload(factories.code(), by=alice).publication

    with pytest.raises(variants.NothingToVary, match=r"below \[parameters\.name\]"):
        save(plain)


def test_there_are_at_most_200(sales: Publication, alice: User) -> None:
    version = sales.versions.get()
    Variant.objects.bulk_create(
        Variant(publication=sales, slug=f"v{n}", title=f"v{n}", version=version) for n in range(200)
    )

    with pytest.raises(actions.TooManyVariants, match="has 200 variants"):
        save(sales)
    declared = MANIFEST | {"variants": [{"slug": "x", "title": "X", "parameters": {}}]}
    with pytest.raises(actions.TooManyVariants, match="more than 200"):
        upload(bundle("2", declared), by=alice)


def test_change_of_parameters_queues_one_run_and_a_new_title_none(sales: Publication) -> None:
    asia = save(sales)
    render(asia)

    variants.change_variant(asia, title="Asia!", by=sales.owner, at=MONDAY)
    after_title = asia.runs.filter(state="queued").count()
    for net in (False, True):
        wish = {"region": "APAC", "net": net}
        variants.change_variant(asia, values=wish, by=sales.owner, at=MONDAY)

    assert after_title == 0
    assert asia.runs.filter(state="queued").count() == 1
    assert Variant.objects.get(pk=asia.pk).title == "Asia!"
    assert AuditEvent.objects.filter(action="change_variant").count() == 3


def test_default_variant_follows_the_defaults(sales: Publication) -> None:
    default = default_of(sales)

    variants.change_variant(default, title="Europe", by=sales.owner, at=MONDAY)

    with pytest.raises(variants.OnlyDefaults):
        variants.change_variant(default, values={"region": "APAC"}, by=sales.owner, at=MONDAY)
    with pytest.raises(variants.OnlyDefaults):
        variants.remove_variant(default, by=sales.owner, at=MONDAY)
    assert str(default_of(sales)) == "Europe"


def test_same_parameters_are_noticed(sales: Publication) -> None:
    asia = save(sales)

    assert variants.with_same_parameters(asia) is None
    assert variants.with_same_parameters(save(sales, "Asia again", net=True)) == asia
    assert variants.with_same_parameters(save(sales, "E", region="EMEA")) == default_of(sales)


# ---- removing ----


def test_removed_variant_is_gone_and_its_editions_are_not(
    sales: Publication, alice: User, reading: Reading
) -> None:
    asia = save(sales)
    edition = render(asia)
    schedule = schedules.set_schedule(asia, every_minutes=60, by=alice, at=MONDAY)
    variants.render_variant(asia, by=alice, at=MONDAY)

    variants.remove_variant(asia, by=alice, at=MONDAY)

    schedule.refresh_from_db()
    assert schedule.state == Schedule.State.ENDED
    assert set(asia.runs.values_list("state", flat=True)) == {"unchanged", "cancelled"}
    answer = reading(alice).get(f"{PAGE}for/asia/")
    assert (answer.status_code, "This variant was removed" in answer.content.decode()) == (
        410,
        True,
    )
    page = reading(alice).get(links.path_of(sales, edition=edition.number)).content.decode()
    assert "The variant “Asia” was removed" in page
    assert [one.variant.slug for one in queries.variants_told(sales)] == ["default"]
    assert reading(alice).get(f"{PAGE}history/?variant=asia").status_code == 200
    rows = archive.archive_page(sales, None).versions[0].editions
    assert [(row.is_current, row.can_return) for row in rows] == [(False, False)]
    assert reading(alice).get(f"{PAGE}roll-back/?edition={edition.number}").status_code == 410
    with pytest.raises(actions.VariantGone):
        actions.roll_back(edition, by=alice, at=MONDAY, reason="Better")


def test_variant_removed_twice_or_changed_afterwards_says_so(sales: Publication) -> None:
    asia = save(sales)
    variants.remove_variant(asia, by=sales.owner, at=MONDAY)

    for late in (
        lambda: variants.remove_variant(asia, by=sales.owner, at=MONDAY),
        lambda: variants.change_variant(asia, title="Late", by=sales.owner, at=MONDAY),
        lambda: variants.render_variant(asia, by=sales.owner, at=MONDAY),
    ):
        with pytest.raises(actions.VariantGone, match="“Asia” was removed"):
            late()
    assert AuditEvent.objects.filter(action="remove_variant").count() == 1


def test_embed_of_a_removed_variant_goes_blank_but_one_of_an_edition_stays(
    sales: Publication, alice: User
) -> None:
    asia = save(sales)
    edition = render(asia)
    common: dict[str, Any] = {
        "variant": asia,
        "label": "",
        "origins": ["https://a.example.com"],
        "by": alice,
        "at": MONDAY,
    }
    latest = embeds.create_grant(sales, follows="latest", **common)
    exact = embeds.create_grant(sales, follows="edition", edition=edition, **common)
    variants.remove_variant(asia, by=alice, at=MONDAY)

    stranger = Client(headers={"host": "127.0.0.1:8000"})

    assert stranger.get(embeds.embed_url(latest)).status_code == 410
    assert stranger.get(embeds.embed_url(exact)).status_code == 200


# ---- new versions ----


def test_new_version_renders_every_variant_the_default_one_first(
    sales: Publication, alice: User
) -> None:
    asia = save(sales)
    render(default_of(sales))
    render(asia)

    version = upload(bundle("2"), by=alice)

    runs = version.runs.order_by("pk")
    assert [(run.variant.slug, run.trigger, run.priority) for run in runs] == [
        ("default", "upload", Schedule.Priority.NORMAL),
        ("asia", "version", Schedule.Priority.LOW),
    ]
    behind = standing_of(asia)
    assert (behind.has_other_version, str(behind.shown), str(behind.wanted)) == (True, "1.0", "1.1")
    render(asia, "again", minute=1)
    assert standing_of(asia).is_done


def test_variant_that_does_not_fit_keeps_its_edition_and_says_why(
    sales: Publication, alice: User, charlie: User, reading: Reading
) -> None:
    asia = save(sales)
    render(default_of(sales))
    render(asia)

    version = upload(
        bundle("2", {"parameters": [REGION | {"choices": ["EMEA", "LATAM"]}]}), by=alice
    )

    assert [run.variant.slug for run in version.runs.all()] == ["default"]
    trouble = standing_of(asia).trouble
    assert trouble == (
        "Version 1.1 cannot be run with its parameters: Region “APAC” is not a choice; there are EMEA, LATAM."
    )
    of_author = reading(alice).get(f"{PAGE}for/asia/").content.decode()
    of_reader = reading(charlie).get(f"{PAGE}for/asia/").content.decode()
    assert "Rendered with version 1.0, current is 1.1." in of_author
    assert trouble in of_author
    assert "Rendered with version 1.0, current is 1.1." in of_reader
    assert "It does not go with that as it is" in of_reader
    assert "APAC” is not" not in of_reader
    assert trouble in reading(alice).get(f"{PAGE}history/").content.decode()
    with pytest.raises(variants.CannotRender):
        variants.render_variant(asia, by=alice, at=MONDAY)


def test_version_that_takes_them_again_renders_them_again(sales: Publication, alice: User) -> None:
    asia = save(sales)
    upload(bundle("2", {"parameters": []}), by=alice)

    version = upload(bundle("3"), by=alice)

    assert asia.runs.filter(version=version).count() == 1
    assert standing_of(asia).trouble == ""


def test_finished_content_leaves_variants_as_they_are(sales: Publication, alice: User) -> None:
    asia = save(sales)
    render(asia)

    upload(factories.bundle("page"), by=alice)

    assert standing_of(asia).trouble == "Version 1.1 is finished content: nothing is run."
    assert asia.runs.filter(state="queued").count() == 0


def test_rollback_moves_its_variant_alone_and_the_others_say_so(
    sales: Publication, alice: User, reading: Reading
) -> None:
    asia, default = save(sales), default_of(sales)
    old = render(default, "old")
    render(asia, "old")
    upload(bundle("2"), by=alice)
    render(default, "new", minute=1)
    render(asia, "new", minute=1)

    actions.roll_back(old, by=alice, at=MONDAY, reason="Wrong sums")

    assert standing_of(default).is_done
    page = reading(alice).get(f"{PAGE}for/asia/").content.decode()
    assert "Rendered with version 1.1, current is 1.0." in page
    variants.render_variant(asia, by=alice, at=MONDAY)
    assert Variant.objects.get(pk=asia.pk).version == old.version
    assert AuditEvent.objects.filter(action="move_variant").count() == 1


def test_former_parameters_are_told_until_the_run_is_done(
    sales: Publication, alice: User, reading: Reading
) -> None:
    asia = save(sales)
    render(asia)
    assert standing_of(asia).is_done

    variants.change_variant(
        asia, values={"region": "APAC", "month": "2 months ago"}, by=alice, at=MONDAY
    )

    page = reading(alice).get(f"{PAGE}for/asia/").content.decode()
    assert "Its parameters were changed." in page
    assert "Its run is queued." in page
    render(asia, minute=1)
    assert standing_of(asia).is_done


# ---- settings as code ----


def declares(*wishes: dict[str, Any]) -> dict[str, Any]:
    return MANIFEST | {"variants": list(wishes)}


ASIA = {"slug": "asia", "title": "Asia", "parameters": {"region": "APAC"}}


def test_declared_variants_are_made_and_changed_when_they_are_new_there(alice: User) -> None:
    sales = upload(bundle("1", declares(ASIA)), by=alice).publication
    made = sales.variants.get(slug="asia")
    assert (made.is_declared, made.parameters, made.runs.count()) == (True, {"region": "APAC"}, 1)
    variants.change_variant(made, title="By hand", by=alice, at=MONDAY)

    upload(bundle("2", declares(ASIA)), by=alice)
    kept = sales.variants.get(slug="asia").title
    upload(bundle("3", declares(ASIA | {"title": "Asia and Pacific"})), by=alice)

    assert kept == "By hand"
    assert sales.variants.get(slug="asia").title == "Asia and Pacific"


def test_variant_that_is_no_longer_declared_stays_and_says_so(
    alice: User, reading: Reading
) -> None:
    sales = upload(bundle("1", declares(ASIA)), by=alice).publication

    upload(bundle("2"), by=alice)

    told = queries.variants_told(sales)[1]
    assert (told.variant.slug, told.is_undeclared) == ("asia", True)
    page = reading(alice).get(f"{PAGE}variants/").content.decode()
    assert "No longer in broadsheet.toml" in page


def test_removed_variant_comes_back_when_it_is_declared_anew(alice: User) -> None:
    sales = upload(bundle("1", declares(ASIA)), by=alice).publication
    variants.remove_variant(sales.variants.get(slug="asia"), by=alice, at=MONDAY)

    upload(bundle("2", declares(ASIA)), by=alice)
    still = sales.variants.get(slug="asia").is_removed
    upload(bundle("3", declares(ASIA | {"title": "Asia 2"})), by=alice)

    assert (still, sales.variants.get(slug="asia").is_removed) == (True, False)
