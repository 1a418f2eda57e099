"""Every address, asked by everybody: who gets in, who is turned away, and who must not even learn of it.

A route without a row fails. `who` is the least that somebody needs; what it means for one publication follows
from its audience, by the two tables below.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib import admin
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse
from django.utils import timezone

from portal import content_urls, urls
from portal.accounts.models import Role, Team, User
from portal.common import tokens
from portal.notifications.models import Webhook
from portal.notifications.webhooks import create_webhook
from portal.publishing import actions, content, embeds
from portal.publishing.actions import Wish
from portal.publishing.models import Audience, Edition, EmbedGrant
from portal.runs import calendars, limits, schedules, secrets
from portal.runs.models import Backfill, Calendar, Environment, Limit, Run, Secret
from tests import factories
from tests.factories import MONDAY
from tests.publishing.shelf import publish

PORTAL, CONTENT = {"host": "localhost:8000"}, {"host": "127.0.0.1:8000"}
SLUG, TITLE = "takeover-of-a-rival", "Takeover of a rival"

PEOPLE = ("nobody", "reader", "author", "team reader", "team author", "owner", "admin")
AUTHORING = {"author", "team author", "owner", "admin"}
SEES = {
    Audience.COMPANY: {"reader", "author", "team reader", "team author", "owner", "admin"},
    Audience.TEAM: {"team reader", "team author", "owner", "admin"},
    Audience.OWNER: {"owner", "admin"},
}
CHANGES = {
    Audience.COMPANY: {"team author", "owner", "admin"},
    Audience.TEAM: {"team author", "owner", "admin"},
    Audience.OWNER: {"owner", "admin"},
}

OK, SIGN_IN, FORBIDDEN, NOT_FOUND = "ok", "sign in", "forbidden", "not found"


@dataclass(frozen=True)
class Row:
    """Who may, and by which methods. `lists`: to whom the page names the publication: "sees" or "changes"."""

    who: str
    methods: tuple[str, ...] = ("get",)
    lists: str = ""


ASK, DO, FORM = ("get",), ("post",), ("get", "post")
ROWS = {
    "health-live": Row("anybody"),
    "health-ready": Row("anybody"),
    "sign-in": Row("anybody", FORM),
    "sign-out": Row("signed in", DO),
    "home": Row("signed in", lists="sees"),
    "kind-list": Row("signed in", lists="sees"),
    "upload": Row("authors", FORM),
    "operations": Row("authors"),
    "schedules": Row("authors", lists="changes"),
    "change-schedules": Row("authors", DO),
    "runs": Row("authors", lists="changes"),
    "calendars": Row("authors"),
    "calendar": Row("authors"),
    "new-calendar": Row("admins", FORM),
    "change-calendar": Row("admins", FORM),
    "queue": Row("authors", FORM, lists="changes"),
    "queue-live": Row("authors", lists="changes"),
    "limits": Row("admins", FORM),
    "workers": Row("admins"),
    "runs-table": Row("authors"),
    "environments": Row("admins"),
    "environment": Row("admins"),
    "storage": Row("admins"),
    "audit": Row("authors", lists="changes"),
    "secrets": Row("admins", FORM),
    "secret": Row("admins", FORM),
    "publication": Row("viewers"),
    "publication-major": Row("viewers"),
    "publication-variant": Row("viewers"),
    "publication-variant-major": Row("viewers"),
    "edition": Row("viewers"),
    "as-of": Row("viewers"),
    "variant-as-of": Row("viewers"),
    "choose-variant": Row("viewers"),
    "variants": Row("editors", FORM),
    "variant": Row("editors", FORM),
    "render-variant": Row("editors", DO),
    "remove-variant": Row("editors", FORM),
    "history": Row("viewers"),
    "bundle": Row("viewers"),
    "version-environment": Row("viewers"),
    "follow": Row("viewers", DO),
    "following": Row("signed in"),
    "unsubscribe": Row("anybody", FORM),
    "people": Row("admins"),
    "person": Row("admins", FORM),
    "webhooks": Row("admins", FORM),
    "webhook": Row("admins", FORM),
    "roll-back": Row("editors", FORM),
    "release": Row("editors", FORM),
    "upload-version": Row("editors", FORM),
    "embeds": Row("editors", FORM),
    "revoke-embed": Row("editors", DO),
    "run-now": Row("editors", DO),
    "schedule": Row("editors", FORM),
    "plan-backfill": Row("editors", FORM),
    "backfill": Row("editors"),
    "cancel-backfill": Row("editors", DO),
    "run": Row("editors"),
    "run-live": Row("editors"),
    "run-log": Row("editors"),
    "cancel-run": Row("editors", DO),
    "run-again": Row("editors", DO),
    "arrival": Row("anybody", DO),
    "api:openapi-json": Row("anybody"),
    "api:runs": Row("authors", lists="changes"),
    "api:run": Row("editors"),
    "api:run-log": Row("editors"),
    "api:cancel-run": Row("editors", DO),
    "api:run-again": Row("editors", DO),
    "api:list-variants": Row("editors", FORM),
    "api:one-variant": Row("editors", ("get", "patch", "delete")),
    "api:run-variant": Row("editors", DO),
    "api:schedules": Row("authors", lists="changes"),
    "api:schedule": Row("editors"),
    "api:schedule-times": Row("editors"),
    "api:schedule-slots": Row("editors"),
    "api:pause-schedule": Row("editors", DO),
    "api:resume-schedule": Row("editors", DO),
    "api:run-schedule": Row("editors", DO),
    "api:schedule-arrivals": Row("editors", DO),
    "api:schedule-backfill": Row("editors", FORM),
    "api:start-backfill": Row("editors", FORM),  # the same address
    "api:queue": Row("authors", lists="changes"),
    "api:run-priority": Row("editors", DO),
    "api:workers": Row("admins"),
    "api:limits": Row("admins", FORM),
    "api:set-limit": Row("admins", FORM),
    "api:limit": Row("admins", ("delete",)),
}
BODIES = {  # without one that is well-formed, the API says so before it looks for anything
    "api:run-priority": {"priority": "high"},
    "api:limits": {"of": "queue", "name": "heavy", "most": 2},
    "api:set-limit": {"of": "queue", "name": "heavy", "most": 2},
}
CONTENT_ROWS = {"content-entry", "content-file", "embed-page", "health-live"}
SAID = {"edition": "1", "first": "2026-11-16T00:00:00Z", "last": "2026-11-17T00:00:00Z"}


@dataclass(frozen=True)
class Route:
    """An address, by the name that leads to it."""

    name: str
    pattern: URLPattern


def portal_path(name: str, **arguments: object) -> str:
    """An address of the portal, also after a request to the content origin."""
    return reverse(name, urlconf=settings.ROOT_URLCONF, kwargs=arguments)


@dataclass(frozen=True)
class Shop:
    """One publication with an edition, a queued run and an embed, and everybody who may ask for it."""

    edition: Edition
    run: Run
    grant: EmbedGrant
    secret: Secret
    calendar: Calendar
    webhook: Webhook
    backfill: Backfill
    environment: Environment
    limit: Limit
    people: dict[str, User]

    def path(self, route: Route) -> str:
        arguments = {
            "kind": "report",
            "slug": SLUG,
            "variant": "default",
            "major": 1,
            "minor": 1 if route.name == "version-environment" else 0,  # the one that is code
            "number": 1,
            "hook": "0a1b2c",
            "day": date(2026, 11, 20),
            "token": tokens.sign(
                [self.people["reader"].pk, self.edition.variant_id], purpose="unsubscribe"
            ),
            "pk": self._key(str(route.name)),
        }
        wanted = route.pattern.pattern.converters
        return portal_path(route.name, **{name: arguments[name] for name in wanted})

    def _key(self, name: str) -> int:
        keys = {
            "revoke-embed": self.grant.pk,
            "secret": self.secret.pk,
            "calendar": self.calendar.pk,
            "change-calendar": self.calendar.pk,
            "webhook": self.webhook.pk,
            "person": self.people["reader"].pk,
            "environment": self.environment.pk,
            "api:limit": self.limit.pk,
        }
        if "backfill" in name:
            keys[name] = self.backfill.pk
        if name.startswith("api:") and ("schedule" in name or "backfill" in name):
            keys[name] = self.backfill.schedule_id
        return keys.get(name, self.run.pk)

    def browser(self, name: str, headers: dict[str, str]) -> Client:
        client = Client(headers=headers)
        if name != "nobody":
            client.force_login(self.people[name])
        return client


@pytest.fixture(params=list(Audience))
def shop(request: pytest.FixtureRequest, tmp_path: Path, team: Team) -> Shop:
    people = {
        "reader": factories.person("reader", Role.READER),
        "author": factories.person("author"),
        "team reader": factories.person("teamreader", Role.READER, team=team),
        "team author": factories.person("teamauthor", team=team),
        "owner": factories.person("owner", team=team),
        "admin": factories.person("admin", Role.ADMIN),
    }
    owner = people["owner"]
    edition = publish(tmp_path, {"index.html": TITLE}, by=owner, slug=SLUG, audience=request.param)
    actions.publish_bundle(factories.code(), Wish(slug=SLUG), by=owner, at=MONDAY)
    grant = embeds.create_grant(
        edition.publication,
        variant=edition.variant,
        follows="latest",
        label="Wiki",
        origins=["https://wiki.example.com"],
        by=owner,
        at=MONDAY,
    )
    secret = secrets.create_secret("TOKEN", "hush", by=people["admin"], at=MONDAY)
    calendar = calendars.create_calendar(name="Germany", by=people["admin"], at=MONDAY)
    webhook, _ = create_webhook(
        "Airflow",
        "https://airflow.example.com/",
        told=["run.failed"],
        by=people["admin"],
        at=MONDAY,
    )
    schedule = schedules.set_schedule(edition.variant, every_minutes=1440, by=owner, at=MONDAY)
    backfill = Backfill.objects.create(
        schedule=schedule, first_at=MONDAY, last_at=MONDAY, by=owner, at=MONDAY
    )
    environment = Environment.objects.create(key="e" * 64, python="3.12", created_at=MONDAY)
    limit = limits.set_limit("queue", "heavy", 1, by=people["admin"], at=MONDAY)
    things = (grant, secret, calendar, webhook, backfill, environment, limit)
    return Shop(edition, Run.objects.get(), *things, people)


def routes(patterns: Iterable[URLPattern | URLResolver], space: str = "") -> Iterator[Route]:
    """Every route below, but those of the administration, and the API's root, which shows nothing to anybody."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inside = f"{pattern.namespace}:" if pattern.namespace else space
            yield from routes(pattern.url_patterns, inside) if inside != "admin:" else ()
        elif pattern.name != "api-root":
            yield Route(f"{space}{pattern.name}", pattern)


def expected(row: Row, audience: str, name: str) -> str:
    if row.who == "anybody":
        return OK
    if name == "nobody":
        return SIGN_IN
    if row.who == "signed in":
        return OK
    if row.who == "admins":
        return OK if name == "admin" else FORBIDDEN
    if row.who == "authors":
        return OK if name in AUTHORING else FORBIDDEN
    if name not in SEES[Audience(audience)]:
        return NOT_FOUND
    may = row.who == "viewers" or name in CHANGES[Audience(audience)]
    return OK if may else FORBIDDEN


def ask(browser: Client, method: str, path: str, route: Route) -> HttpResponse:
    """Ask with all that some address wants: what is missing is told before it is looked at who asks.

    The API is sent JSON, or what is wrong with its form would be all that it tells.
    """
    if method != "get" and route.name.startswith("api:"):
        body = BODIES.get(route.name, SAID)
        return getattr(browser, method)(path, body, content_type="application/json")
    return getattr(browser, method)(path, SAID)


def answer(response: HttpResponse) -> str:
    """What an answer means; what says that something is missing, or cannot be done now, was reached."""
    if response.status_code == 302 and response["Location"].startswith("/sign-in/?next="):
        return SIGN_IN
    if response.status_code == 401 and response.json()["code"] == "not_signed_in":
        return SIGN_IN
    if response.status_code < 400 or response.status_code in (400, 409, 422):
        return OK
    return {403: FORBIDDEN, 404: NOT_FOUND}.get(response.status_code, str(response.status_code))


def names_it(response: HttpResponse) -> bool:
    return not response.streaming and TITLE in response.content.decode()


def once(found: Iterable[Route]) -> list[Route]:
    """Without the further methods of an address of the API, which come as further routes of the same name."""
    return list({(route.name, str(route.pattern.pattern)): route for route in found}.values())


PORTAL_ROUTES = once(routes(urls.urlpatterns))


def test_every_route_has_one_row() -> None:
    assert sorted(route.name for route in PORTAL_ROUTES) == sorted(ROWS)
    assert {route.name for route in routes(content_urls.urlpatterns)} == CONTENT_ROWS


def test_every_route_lets_in_whom_its_row_says(shop: Shop) -> None:
    audience = shop.edition.publication.audience
    wrong = []

    for route in PORTAL_ROUTES:
        row, path = ROWS[route.name], shop.path(route)
        for method in row.methods:
            for name in PEOPLE:
                response = ask(shop.browser(name, PORTAL), method, path, route)
                got, wanted = answer(response), expected(row, audience, name)
                tells = got in (SIGN_IN, NOT_FOUND) and names_it(response)
                if got != wanted or tells:
                    wrong.append((method, path, name, got, wanted, tells))

    assert wrong == []


@pytest.mark.parametrize("shop", [Audience.COMPANY], indirect=True)
def test_every_route_knows_no_other_method(shop: Shop) -> None:
    wrong = []

    for route in PORTAL_ROUTES:
        row, path = ROWS[route.name], shop.path(route)
        others = {"post", "put", "patch", "delete", "get"} - set(row.methods)
        for method in sorted(others) if row.who != "anybody" else ():
            response = getattr(shop.browser("owner", PORTAL), method)(path)
            if response.status_code != 405:
                wrong.append((method, path, response.status_code))

    assert wrong == []


@pytest.mark.parametrize(
    "name",
    [
        "home",
        "kind-list",
        "schedules",
        "runs",
        "queue",
        "queue-live",
        "audit",
        "api:runs",
        "api:schedules",
        "api:queue",
    ],
)
def test_list_names_only_what_one_may_know_of(name: str, shop: Shop) -> None:
    path = portal_path(name, **({"kind": "report"} if name == "kind-list" else {}))
    table = SEES if ROWS[name].lists == "sees" else CHANGES
    audience = Audience(shop.edition.publication.audience)

    for query in ({}, {"q": "takeover"}):
        told = {
            person for person in PEOPLE if names_it(shop.browser(person, PORTAL).get(path, query))
        }
        assert told == table[audience]


def test_content_is_shown_to_whom_the_token_was_made_for(shop: Shop) -> None:
    audience = Audience(shop.edition.publication.audience)

    browser, shown = Client(headers=CONTENT), set()
    for name, user in shop.people.items():
        response = browser.get(content.reader_url(shop.edition, user=user, at=timezone.now()))
        if TITLE.encode() in response.getvalue():
            shown.add(name)

    assert shown == SEES[audience]


@pytest.mark.parametrize("path", ["c/x/", "c/x/index.html", "e/x/"])
def test_content_of_a_token_that_is_not_ours_is_nothing(path: str, shop: Shop) -> None:
    for name in PEOPLE:
        assert shop.browser(name, CONTENT).get(f"/{path}").status_code == 404


def test_embed_is_shown_to_everybody_until_it_is_revoked(shop: Shop) -> None:
    stranger, url = Client(headers=CONTENT), embeds.embed_url(shop.grant)

    before = stranger.get(url).status_code
    embeds.revoke_grant(shop.grant, by=shop.people["owner"], at=MONDAY)
    after = stranger.get(url)

    assert (before, after.status_code) == (200, 410)
    assert not names_it(after)


def test_administration_is_for_staff_alone(shop: Shop) -> None:
    open_to_all = {"login", "logout"}
    pages = [
        portal_path(f"admin:{pattern.name}")
        for pattern in admin.site.urls[0]
        if isinstance(pattern, URLPattern)
        and pattern.name not in open_to_all | {None, "view_on_site"}
        and not pattern.pattern.converters
        and not pattern.pattern.regex.groups
    ]
    assert len(pages) > 3

    for page in [*pages, "/admin/portal/user/", "/admin/portal/auditevent/"]:
        for name in PEOPLE:
            response = shop.browser(name, PORTAL).get(page)
            assert response.status_code in (302, 403), (page, name)
            assert not names_it(response)
