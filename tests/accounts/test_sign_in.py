"""Nobody sees anything before signing in, and the way back leads to the page that was asked for."""

import pytest
from django.test import Client

from portal.accounts.models import User
from tests import factories

HOST = {"host": "localhost:8000"}


@pytest.fixture
def stranger() -> Client:
    return Client(headers=HOST)


@pytest.mark.parametrize(
    "path", ["/", "/reports/", "/reports/anything/", "/upload/", "/admin/", "/nowhere/"]
)
def test_pages_ask_strangers_to_sign_in(stranger: Client, path: str) -> None:
    response = stranger.get(path)

    assert response.status_code == 302
    assert response["Location"].startswith("/sign-in/?next=")


def test_programs_that_did_not_sign_in_get_json(stranger: Client) -> None:
    response = stranger.get("/reports/", headers={"accept": "application/json"})

    assert response.status_code == 401
    assert response.json()["error"] == "not_signed_in"


def test_sign_in_leads_to_the_page_that_was_asked_for(stranger: Client, alice: User) -> None:
    form = {"username": "alice", "password": "secret", "next": "/reports/weekly-sales/"}

    response = stranger.post("/sign-in/", form)

    assert (response.status_code, response["Location"]) == (302, "/reports/weekly-sales/")


def test_sign_in_never_leads_to_another_site(stranger: Client, alice: User) -> None:
    form = {"username": "alice", "password": "secret", "next": "https://evil.example.com/"}

    assert stranger.post("/sign-in/", form)["Location"] == "/"


def test_sign_in_says_the_same_of_wrong_names_and_wrong_passwords(
    stranger: Client, alice: User
) -> None:
    answers = [
        stranger.post("/sign-in/", {"username": name, "password": "wrong"}).context["form"]
        for name in ("alice", "nobody")
    ]

    assert answers[0].non_field_errors() == answers[1].non_field_errors()
    assert "do not belong together" in str(answers[0].non_field_errors())


def test_sign_in_refuses_a_closed_account(stranger: Client, alice: User) -> None:
    User.objects.update(is_active=False)

    stranger.post("/sign-in/", {"username": "alice", "password": "secret"})

    assert stranger.get("/").status_code == 302


def test_sign_out_needs_a_post_and_ends_the_session(stranger: Client, alice: User) -> None:
    stranger.force_login(alice)

    assert stranger.get("/sign-out/").status_code == 405
    assert stranger.post("/sign-out/").status_code == 302
    assert stranger.get("/").status_code == 302


def test_sign_in_page_tells_strangers_nothing(stranger: Client, alice: User) -> None:
    factories.publication(by=alice)

    page = stranger.get("/sign-in/", {"next": "/reports/weekly-sales/"}).content.decode()

    assert "Weekly sales" not in page
    assert "Upload" not in page
