"""Errors are pages for people and JSON for programs, and never a stack trace."""

from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client, RequestFactory
from pytest_django import DjangoAssertNumQueries

from portal.accounts.models import User
from portal.common import errors

Reading = Callable[[User], Client]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/json", True),
        ("application/json, text/plain", True),
        ("text/html,application/xhtml+xml", False),
        ("text/html, application/json", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_wants_json_when_only_json_is_named(accept: str, expected: bool) -> None:
    request = RequestFactory().get("/", headers={"accept": accept})

    assert errors.wants_json(request) is expected


def test_not_found_is_a_page_for_people(charlie: User, reading: Reading) -> None:
    response = reading(charlie).get("/reports/nothing/")

    assert response.status_code == 404
    assert "No such page, or not for you" in response.content.decode()


def test_not_found_is_json_for_programs(charlie: User, reading: Reading) -> None:
    response = reading(charlie).get("/reports/nothing/", headers={"accept": "application/json"})

    assert response.status_code == 404
    assert response.json()["error"] == "not_found"


def test_forbidden_repeats_who_could_do_it() -> None:
    request = RequestFactory().get("/", headers={"accept": "application/json"})

    response = errors.forbidden(request, PermissionDenied("Only Alice can."))

    assert response.status_code == 403
    assert b"Only Alice can." in response.content


@pytest.mark.parametrize("problem", [errors.OUR_FAULT, errors.OUT_OF_SPACE])
def test_faults_of_ours_are_told_without_the_database(
    problem: errors.Problem, alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    request = RequestFactory().get("/")
    request.request_id = "7c1d0942"  # type: ignore[attr-defined]

    with django_assert_num_queries(0):
        response = errors.answer(request, problem)

    assert response.status_code == problem.status
    assert "7c1d0942" in response.content.decode()


def test_bad_request_is_a_page_even_for_an_unknown_host(db: None) -> None:
    response = Client(headers={"host": "attacker.invalid"}).get("/")

    assert response.status_code == 400
    assert "We could not read that request" in response.content.decode()


def test_pages_forbid_inline_script_and_style(charlie: User, reading: Reading) -> None:
    response = reading(charlie).get("/")

    policy = response["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe-inline" not in policy
    assert " style=" not in response.content.decode()
    assert "<style" not in response.content.decode()
