"""The back office: people can be changed there, history cannot."""

from collections.abc import Callable

import pytest
from django.test import Client

from portal.accounts.models import Role, User
from portal.publishing.models import Edition, Publication
from tests import factories

Reading = Callable[[User], Client]


@pytest.fixture
def office(ada: User, reading: Reading) -> Client:
    User.objects.filter(pk=ada.pk).update(is_staff=True, is_superuser=True)
    ada.refresh_from_db()
    return reading(ada)


@pytest.mark.parametrize(
    "model",
    [
        "user", "team", "publication", "version", "edition", "publishevent", "auditevent",
        "embedgrant", "run", "schedule", "slot", "slugredirect", "variant",
    ],
)  # fmt: skip
def test_admin_lists_open(office: Client, alice: User, model: str) -> None:
    factories.publication(by=alice)

    assert office.get(f"/admin/portal/{model}/").status_code == 200


def test_admin_changes_a_role(office: Client, charlie: User) -> None:
    page = office.get(f"/admin/portal/user/{charlie.pk}/change/")
    form = page.context["adminform"].form.initial | {
        "role": Role.AUTHOR,
        "date_joined_0": "2026-11-16",
        "date_joined_1": "12:00",
        "membership_set-TOTAL_FORMS": 0,
        "membership_set-INITIAL_FORMS": 0,
    }

    office.post(
        f"/admin/portal/user/{charlie.pk}/change/",
        {name: value for name, value in form.items() if value is not None},
    )

    charlie.refresh_from_db()
    assert charlie.role == Role.AUTHOR


def test_admin_cannot_rewrite_history(office: Client, alice: User) -> None:
    factories.publication(by=alice)
    edition, publication = Edition.objects.get(), Publication.objects.get()

    assert office.get("/admin/portal/edition/add/").status_code == 403
    assert office.post(f"/admin/portal/edition/{edition.pk}/delete/").status_code == 403
    assert office.post(f"/admin/portal/publication/{publication.pk}/change/").status_code == 403


def test_admin_keeps_people_who_published(office: Client, alice: User) -> None:
    assert office.post(f"/admin/portal/user/{alice.pk}/delete/").status_code == 403


def test_admin_is_not_for_authors(alice: User, reading: Reading) -> None:
    assert reading(alice).get("/admin/").status_code == 302
