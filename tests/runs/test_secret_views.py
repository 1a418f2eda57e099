"""Pages of secrets: what admins do there, and that nobody reads a value."""

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from portal.accounts.models import Team, User
from portal.runs import secrets, vault
from portal.runs.models import Secret
from tests.runs.authors import COUNTING, publish_script
from tests.runs.conftest import MONDAY

pytestmark = pytest.mark.django_db
LIST = "/operations/secrets/"
VALUE = "correct-horse-battery"


@pytest.fixture
def admin(settings: LazySettings, client: Client, ada: User) -> Client:
    client.defaults["HTTP_HOST"] = settings.PORTAL_ORIGIN.partition("//")[2]
    client.force_login(ada)
    return client


@pytest.fixture
def secret(ada: User, team: Team) -> Secret:
    return secrets.create_secret("TOKEN", VALUE, by=ada, at=MONDAY, teams=[team])


def path_of(secret: Secret) -> str:
    return f"{LIST}{secret.pk}/"


@pytest.mark.parametrize("name", ["alice", "charlie"])
def test_secrets_are_for_admins(
    admin: Client, secret: Secret, request: pytest.FixtureRequest, name: str
) -> None:
    admin.force_login(request.getfixturevalue(name))

    for path in (LIST, path_of(secret), f"{LIST}999/"):
        assert admin.get(path).status_code == 403
        assert admin.post(path, {"action": "delete"}).status_code == 403
    assert Secret.objects.exists()


def test_secret_is_kept_with_the_value_as_typed(admin: Client, team: Team) -> None:
    typed = {"name": "KEY", "value": " a\r\nb ", "description": "For it", "teams": [team.pk]}

    answer = admin.post(LIST, typed, follow=True)

    secret = Secret.objects.get()
    assert answer.redirect_chain == [(path_of(secret), 303)]
    assert vault.open_sealed(secret.ciphertext) == " a\nb "
    assert [grant.team for grant in secret.grants.all()] == [team]


def test_no_page_shows_a_value(admin: Client, secret: Secret, team: Team) -> None:
    refused = admin.post(LIST, {"name": "bad name", "value": VALUE, "teams": [team.pk]})
    replaced = admin.post(path_of(secret), {"action": "replace", "value": VALUE}, follow=True)

    pages = [refused, replaced, admin.get(LIST), admin.get(path_of(secret))]
    assert [page.status_code for page in pages] == [422, 200, 200, 200]
    assert all("no-store" in page.headers["Cache-Control"] for page in pages)
    assert not [page for page in pages if VALUE in page.content.decode()]
    assert "must be capital letters" in refused.content.decode()


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"name": "TOKEN", "value": "x"}, "There is a secret TOKEN already"),
        ({"name": "PATH", "value": "x"}, "cannot be PATH"),
        ({"name": "KEY", "value": ""}, "A secret needs a value."),
        ({"value": "x"}, "Name the environment variable"),
    ],
)
def test_secret_that_cannot_be_kept_is_explained(
    admin: Client, secret: Secret, typed: dict[str, str], says: str
) -> None:
    answer = admin.post(LIST, typed)

    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert Secret.objects.count() == 1


def test_every_change_is_done_from_the_page_of_the_secret(
    admin: Client, secret: Secret, team: Team
) -> None:
    other = Team.objects.create(slug="finance", name="Finance")
    changes = [
        {"action": "replace", "value": "new"},
        {"action": "describe", "description": "Reads the warehouse"},
        {"action": "grant", "team": "finance"},
        {"action": "revoke", "team": team.slug},
    ]

    answers = [admin.post(path_of(secret), change, follow=True) for change in changes]

    secret.refresh_from_db()
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200]
    assert vault.open_sealed(secret.ciphertext) == "new"
    assert secret.description == "Reads the warehouse"
    assert [grant.team for grant in secret.grants.all()] == [other]
    gone = admin.post(path_of(secret), {"action": "delete"}, follow=True)
    assert "TOKEN is deleted." in gone.content.decode()
    assert not Secret.objects.exists()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 422),
        ({"action": "read"}, 422),
        ({"action": "replace", "value": " "}, 422),
        ({"action": "grant", "team": "nobody"}, 404),
    ],
)
def test_change_that_cannot_be_meant_changes_nothing(
    admin: Client, secret: Secret, change: dict[str, str], status: int
) -> None:
    assert admin.post(path_of(secret), change).status_code == status

    assert vault.open_sealed(Secret.objects.get().ciphertext) == VALUE


def test_pages_tell_whose_code_names_a_secret(
    admin: Client, secret: Secret, alice: User, dora: User
) -> None:
    for slug, by, name in (
        ("of-the-team", alice, "TOKEN"),
        ("a-stranger", dora, "TOKEN"),
        ("hopeful", dora, "NO_SUCH"),
    ):
        manifest = {"run": {"secrets": [name]}}
        publish_script(COUNTING, by=by, at=MONDAY, slug=slug, manifest=manifest)

    listed, shown = (admin.get(path).content.decode() for path in (LIST, path_of(secret)))

    for page in (listed, shown):
        assert 'href="/reports/of-the-team/"' in page
        assert 'href="/reports/a-stranger/"' in page
        assert page.count("not granted") == 1
    assert "<code>NO_SUCH</code><small>Runs that name it fail until it is set." in listed


def test_pages_without_a_key_say_how_to_set_one(
    admin: Client, secret: Secret, settings: LazySettings
) -> None:
    settings.PRODUCTION = True

    for path in (LIST, path_of(secret)):
        assert "Set <code>BROADSHEET_SECRETS_KEY</code>" in admin.get(path).content.decode()


def test_list_needs_as_many_queries_for_many_secrets(
    admin: Client,
    secret: Secret,
    ada: User,
    alice: User,
    team: Team,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    publish_script(COUNTING, by=alice, at=MONDAY, manifest={"run": {"secrets": ["TOKEN"]}})
    admin.get(LIST)
    with CaptureQueriesContext(connection) as one:
        admin.get(LIST)
    for name, slug in (("ALPHA", "aaaaaaaa"), ("BETA", "bbbbbbbb")):
        secrets.create_secret(name, VALUE, by=ada, at=MONDAY, teams=[team])
        manifest = {"run": {"secrets": [name]}}
        publish_script(COUNTING, by=alice, at=MONDAY, slug=slug, manifest=manifest)

    with django_assert_num_queries(len(one)):
        admin.get(LIST)


def test_runs_page_leads_admins_to_secrets(admin: Client, alice: User) -> None:
    link = f'href="{LIST}"'

    assert link in admin.get("/operations/runs/").content.decode()
    admin.force_login(alice)
    assert link not in admin.get("/operations/runs/").content.decode()
