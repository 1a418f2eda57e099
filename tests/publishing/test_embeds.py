from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from pytest_django import Settings

from portal.accounts.models import Role, User
from portal.publishing import content, embeds
from portal.publishing.models import AuditEvent, Edition, EmbedGrant, Publication
from portal.runs.models import Run
from tests.publishing.shelf import NOON, person, publish

WIKI = "https://wiki.example.com"

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(db: None) -> User:
    return person("alice")


@pytest.fixture
def edition(tmp_path: Path, alice: User) -> Edition:
    return publish(tmp_path, {"index.html": "first"}, by=alice, data_as_of=NOON - timedelta(days=1))


def embed(edition: Edition, *, by: User, follows: str = "latest", origins=(WIKI,)) -> EmbedGrant:
    return embeds.create_grant(
        edition.publication,
        variant=edition.variant,
        follows=follows,
        major=edition.version.major,
        edition=edition,
        label="Wiki",
        origins=origins,
        by=by,
        at=NOON,
    )


def show(client: Client, grant: EmbedGrant, **headers: str):
    parts = urlsplit(embeds.embed_url(grant))
    return client.get(parts.path, headers={"host": parts.netloc, **headers})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://wiki.example.com", "https://wiki.example.com"),
        (" HTTPS://Wiki.Example.com/ ", "https://wiki.example.com"),
        ("https://wiki.example.com:443", "https://wiki.example.com"),
        ("https://wiki.example.com:8443", "https://wiki.example.com:8443"),
        ("https://*.example.com", "https://*.example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.2:3000", "http://127.0.0.2:3000"),
        ("https://intranet", "https://intranet"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
    ],
)
def test_origin_is_kept_as_browsers_write_it(given: str, kept: str) -> None:
    assert embeds.check_origins([given, kept]) == [kept]


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ("wiki.example.com", "write https://wiki.example.com"),
        ("https://wiki.example.com/pages/7", "write https://wiki.example.com."),
        ("https://bob@wiki.example.com", "write https://wiki.example.com."),
        ("https://wiki.*.com", "first part"),
        ("https://*", "first part"),
        ("https://*.com", "first part"),
        ("*", "needs its beginning"),
        ("https://", "is not a site"),
        ("https://a b.example.com", "is not a site"),
        ("https://a.example.com;script-src", "is not a site"),
        ("https://a.example.com:99999", "is not an address"),
        ("https://[::1]", "is not a site"),
        ("javascript://wiki.example.com", "needs its beginning"),
    ],
)
def test_origin_that_is_not_a_site_is_refused_with_advice(given: str, advice: str) -> None:
    with pytest.raises(embeds.BadOrigin, match=advice.replace("*", r"\*")):
        embeds.check_origins([given])


def test_origin_without_encryption_is_refused_by_an_encrypted_portal(
    settings: Settings,
) -> None:
    settings.HTTPS = True

    with pytest.raises(embeds.BadOrigin, match=r"Write https://wiki\.example\.com"):
        embeds.check_origins(["http://wiki.example.com"])


def test_embed_without_a_site_is_refused() -> None:
    with pytest.raises(embeds.BadOrigin, match="Name at least one site"):
        embeds.check_origins(["", "  "])


def test_embed_for_too_many_sites_is_refused() -> None:
    with pytest.raises(embeds.BadOrigin, match="At most 20"):
        embeds.check_origins([f"https://{number}.example.com" for number in range(21)])


@pytest.mark.parametrize(
    ("allowed", "origin", "shown"),
    [
        ("https://wiki.example.com", "https://wiki.example.com", True),
        ("https://wiki.example.com", "http://wiki.example.com", False),
        ("http://wiki.example.com", "https://wiki.example.com", True),
        ("https://wiki.example.com", "https://wiki.example.com.evil.net", False),
        ("https://*.example.com", "https://a.b.example.com", True),
        ("https://*.example.com", "https://example.com", False),
        ("https://*.example.com", "https://evilexample.com", False),
        ("https://*.example.com", "http://a.example.com", False),
    ],
)
def test_site_is_matched_as_browsers_do(allowed: str, origin: str, shown: bool) -> None:
    assert embeds.may_show(EmbedGrant(origins=[allowed]), origin) is shown


def test_grant_is_recorded(edition: Edition, alice: User) -> None:
    grant = embed(edition, by=alice)

    event = AuditEvent.objects.get(action="create_embed")
    assert (event.by, event.object_id) == (alice, str(grant.pk))
    assert event.detail["origins"] == [WIKI]
    assert list(embeds.grants_of(edition.publication)) == [grant]


def test_grant_is_made_only_by_who_may_embed(edition: Edition) -> None:
    charlie = person("charlie", Role.READER)

    with pytest.raises(PermissionDenied, match="Only alice"):
        embed(edition, by=charlie)

    assert not EmbedGrant.objects.exists()


def test_grant_is_revoked_only_by_who_may_embed(edition: Edition, alice: User) -> None:
    grant = embed(edition, by=alice)

    with pytest.raises(PermissionDenied):
        embeds.revoke_grant(grant, by=person("charlie", Role.READER), at=NOON)

    grant.refresh_from_db()
    assert grant.is_live


def test_revoking_twice_keeps_the_first_time_and_one_record(edition: Edition, alice: User) -> None:
    grant = embed(edition, by=alice)

    embeds.revoke_grant(grant, by=alice, at=NOON)
    embeds.revoke_grant(grant, by=alice, at=NOON + timedelta(days=1))

    assert grant.revoked_at == NOON
    assert AuditEvent.objects.filter(action="revoke_embed").count() == 1


def test_grants_that_work_come_first(edition: Edition, alice: User) -> None:
    dead, live = embed(edition, by=alice), embed(edition, by=alice)
    embeds.revoke_grant(dead, by=alice, at=NOON)

    assert list(embeds.grants_of(edition.publication)) == [live, dead]


@pytest.mark.parametrize(
    ("follows", "major", "message"),
    [
        ("major", 7, "version 7"),
        ("major", None, "Choose another"),
        ("edition", None, "editions"),
        ("x", 1, "follows"),
    ],
)
def test_grant_follows_only_what_is_there(
    edition: Edition, alice: User, follows: str, major: int | None, message: str
) -> None:
    with pytest.raises(embeds.NothingToFollow, match=message):
        embeds.create_grant(
            edition.publication,
            variant=edition.variant,
            follows=follows,
            major=major,
            label="",
            origins=[WIKI],
            by=alice,
            at=NOON,
        )


def test_grant_cannot_mix_two_publications(tmp_path: Path, edition: Edition, alice: User) -> None:
    other = publish(tmp_path, {"index.html": "budget"}, by=alice, slug="budget")

    with pytest.raises(embeds.NothingToFollow):
        embeds.create_grant(
            edition.publication,
            variant=other.variant,
            follows="latest",
            label="",
            origins=[WIKI],
            by=alice,
            at=NOON,
        )


def test_snippet_is_a_sandboxed_frame_and_a_small_script(edition: Edition, alice: User) -> None:
    Publication.objects.update(title='Sales "2026" <b>')
    grant = EmbedGrant.objects.get(pk=embed(edition, by=alice).pk)

    html = embeds.snippet(grant)

    assert f'src="{embeds.embed_url(grant)}"' in html
    assert 'title="Sales &quot;2026&quot; &lt;b&gt;"' in html
    assert "allow-same-origin" not in html
    assert len(embeds.host_script().encode()) <= 300
    assert html.endswith(f"<script>{embeds.host_script()}</script>")


def test_embed_address_is_the_same_every_time(edition: Edition, alice: User) -> None:
    grant = embed(edition, by=alice)

    assert embeds.embed_url(grant) == embeds.embed_url(EmbedGrant.objects.get(pk=grant.pk))


def test_embed_page_frames_the_content_and_says_its_age(
    client: Client, edition: Edition, alice: User
) -> None:
    grant = embed(edition, by=alice)

    response = show(client, grant)

    page = response.content.decode()
    assert content.grant_url(grant, edition) in page
    assert "Weekly sales 1.0" in page
    assert 'data as of <time datetime="2026-11-15T12:00:00+00:00">' in page
    assert 'href="http://localhost:8000/reports/weekly-sales/" target="_blank"' in page
    assert f"frame-ancestors {WIKI}" in response["Content-Security-Policy"]
    assert response["Cache-Control"] == "no-store"


def test_embed_page_follows_the_latest_edition(
    client: Client, tmp_path: Path, edition: Edition, alice: User
) -> None:
    grant = embed(edition, by=alice)

    second = publish(tmp_path, {"index.html": "second"}, by=alice)

    assert content.grant_url(grant, second) in show(client, grant).content.decode()


def test_embed_page_of_one_edition_stays_and_names_the_current(
    client: Client, tmp_path: Path, edition: Edition, alice: User
) -> None:
    grant = embed(edition, by=alice, follows="edition")

    publish(tmp_path, {"index.html": "second"}, by=alice)

    page = show(client, grant).content.decode()
    assert content.grant_url(grant, edition) in page
    assert "Edition 2 is current" in page


def test_embed_page_without_a_schedule_claims_no_freshness(
    client: Client, edition: Edition, alice: User
) -> None:
    assert "status" not in show(client, embed(edition, by=alice)).content.decode()


def test_embed_page_says_when_what_it_shows_is_old(
    client: Client, edition: Edition, alice: User
) -> None:
    Run.objects.create(
        version=edition.version,
        variant=edition.variant,
        trigger=Run.Trigger.SCHEDULE,
        state=Run.State.FAILED,
        logical_time=NOON,
        queued_at=NOON,
        finished_at=NOON + timedelta(hours=1),
    )

    page = show(client, embed(edition, by=alice)).content.decode()

    assert "Old: the last refresh failed" in page


def test_embed_page_on_another_site_explains_itself_without_data(
    client: Client, edition: Edition, alice: User
) -> None:
    grant = embed(edition, by=alice)

    response = show(client, grant, sec_fetch_dest="iframe", referer="https://blog.example.com/page")

    page = response.content.decode()
    assert response.status_code == 403
    assert "https://blog.example.com" in page
    assert "Weekly sales" not in page
    assert "/c/" not in page
    assert "frame-ancestors" not in response["Content-Security-Policy"]


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_dest": "iframe", "referer": f"{WIKI}/page"},
        {"sec_fetch_dest": "iframe"},
        {"sec_fetch_dest": "document", "referer": "https://blog.example.com/"},
        {"referer": "https://blog.example.com/"},
    ],
)
def test_embed_page_is_left_to_the_browser_to_refuse(
    client: Client, edition: Edition, alice: User, headers: dict[str, str]
) -> None:
    response = show(client, embed(edition, by=alice), **headers)

    assert response.status_code == 200


def test_revoked_embed_is_gone_and_names_nothing(
    client: Client, edition: Edition, alice: User
) -> None:
    grant = embed(edition, by=alice)
    embeds.revoke_grant(grant, by=alice, at=NOON)

    response = show(client, grant)

    assert response.status_code == 410
    assert "switched this embed off" in response.content.decode()
    assert "Weekly sales" not in response.content.decode()


def test_embed_of_a_removed_publication_is_gone(
    client: Client, edition: Edition, alice: User
) -> None:
    grant = embed(edition, by=alice)
    Publication.objects.update(state="removed", removed_at=NOON, removed_by=alice)

    assert show(client, grant).status_code == 410


def test_embed_of_a_quarantined_edition_says_that_there_is_nothing(
    client: Client, edition: Edition, alice: User
) -> None:
    grant = embed(edition, by=alice, follows="edition")
    Edition.objects.update(state=Edition.State.QUARANTINED)

    response = show(client, grant)

    assert response.status_code == 404
    assert "Nothing to show yet" in response.content.decode()


def test_embed_token_that_is_not_ours_opens_nothing(client: Client) -> None:
    response = client.get("/e/nonsense/", headers={"host": "127.0.0.1:8000"})

    assert response.status_code == 404
