import io
import zipfile
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from portal.accounts.models import Role, Team, User
from portal.common import storage
from portal.publishing import content, embeds
from portal.publishing.models import Audience, Edition, EmbedGrant, Publication
from tests.publishing.shelf import NOON, person, publish

FILES = {
    "index.html": "<!doctype html><title>Sales</title>",
    "data/month one.csv": "day,sales\n1,10\n",
    "data/index.html": "<meta charset='latin-1'>",
    "raw.bin": bytes(range(256)),
    "empty.txt": "",
}

BUNDLE = "http://localhost:8000/reports/weekly-sales/versions/1.0/bundle.zip"

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(db: None) -> User:
    return person("alice")


@pytest.fixture
def edition(tmp_path: Path, alice: User) -> Edition:
    return publish(tmp_path, FILES, by=alice)


@pytest.fixture(autouse=True)
def noon() -> object:
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


def get(client: Client, url: str, method: str = "get", **headers: str):
    """Ask as a browser that goes to this address would; `body` is all of what came."""
    parts = urlsplit(url)
    response = getattr(client, method)(parts.path, headers={"host": parts.netloc, **headers})
    response.body = b"".join(response) if response.streaming else response.content
    return response


def test_file_is_served_as_it_was_stored(client: Client, edition: Edition, alice: User) -> None:
    response = get(
        client, content.reader_url(edition, user=alice, path="raw.bin", at=timezone.now())
    )

    assert response.status_code == 200
    assert response.body == FILES["raw.bin"]
    assert response["Content-Length"] == "256"


def test_every_answer_carries_the_walls(client: Client, edition: Edition, alice: User) -> None:
    url = content.reader_url(edition, user=alice, at=timezone.now())

    response = get(client, url)

    policy = response["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts allow-downloads allow-popups ")
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    assert f"connect-src data: blob: {url.removesuffix('index.html')} " in policy
    assert f"frame-ancestors {settings.PORTAL_ORIGIN}" in policy
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "camera=()" in response["Permissions-Policy"]
    assert not response.cookies


def test_page_within_the_entry_may_be_framed_by_it(
    client: Client, edition: Edition, alice: User
) -> None:
    response = get(
        client, content.reader_url(edition, user=alice, path="data/index.html", at=timezone.now())
    )

    assert "frame-ancestors" not in response["Content-Security-Policy"]


def test_reader_costs_three_queries(
    client: Client,
    edition: Edition,
    alice: User,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    url = content.reader_url(edition, user=alice, at=timezone.now())

    with django_assert_num_queries(3):
        get(client, url)


def test_reader_address_stays_the_same_within_its_hour(edition: Edition, alice: User) -> None:
    first = content.reader_url(edition, user=alice, at=NOON)

    assert content.reader_url(edition, user=alice, at=NOON + timedelta(minutes=59)) == first
    assert content.reader_url(edition, user=alice, at=NOON + timedelta(minutes=60)) != first


@pytest.mark.parametrize(
    ("minutes", "status"), [(0, 200), (61, 200), (719, 200), (720, 404), (-1, 404)]
)
def test_reader_address_is_good_for_a_working_day(
    client: Client, edition: Edition, alice: User, noon, minutes: int, status: int
) -> None:
    url = content.reader_url(edition, user=alice, at=NOON)
    noon.move_to(NOON + timedelta(minutes=minutes))

    assert get(client, url).status_code == status


def test_browser_may_keep_a_file_for_an_hour(
    client: Client, edition: Edition, alice: User, noon
) -> None:
    url = content.reader_url(edition, user=alice, at=NOON)
    noon.move_to(NOON + timedelta(hours=9))

    assert get(client, url)["Cache-Control"] == "private, max-age=3600, immutable"


def test_reader_address_dies_with_the_account(
    client: Client, edition: Edition, alice: User
) -> None:
    url = content.reader_url(edition, user=alice, at=timezone.now())
    User.objects.update(is_active=False)

    assert get(client, url).status_code == 404


def test_reader_address_dies_when_the_audience_narrows(client: Client, edition: Edition) -> None:
    url = content.reader_url(edition, user=person("charlie", Role.READER), at=timezone.now())
    Publication.objects.update(audience=Audience.OWNER)

    assert get(client, url).status_code == 404


def test_reader_address_dies_when_the_person_leaves_the_team(
    client: Client, tmp_path: Path
) -> None:
    team = Team.objects.create(slug="delivery", name="Delivery")
    bob = person("bob", Role.READER, team=team)
    edition = publish(tmp_path, FILES, by=person("alice", team=team), audience=Audience.TEAM)
    url = content.reader_url(edition, user=bob, at=timezone.now())
    before = get(client, url).status_code

    team.membership_set.filter(user=bob).delete()

    assert (before, get(client, url).status_code) == (200, 404)


def test_reader_address_dies_when_the_publication_is_removed(
    client: Client, edition: Edition, alice: User
) -> None:
    url = content.reader_url(edition, user=alice, at=timezone.now())
    Publication.objects.update(state="removed", removed_at=NOON, removed_by=alice)

    assert get(client, url).status_code == 404


def test_quarantined_edition_is_for_those_who_may_release_it(
    client: Client, edition: Edition, alice: User, charlie: User
) -> None:
    Edition.objects.update(state=Edition.State.QUARANTINED)

    assert (
        get(client, content.reader_url(edition, user=alice, at=timezone.now())).status_code == 200
    )
    assert (
        get(client, content.reader_url(edition, user=charlie, at=timezone.now())).status_code == 404
    )


def test_token_of_one_report_opens_no_file_of_another(
    client: Client, tmp_path: Path, edition: Edition, alice: User
) -> None:
    publish(tmp_path, {"secret.html": "budget"}, by=alice, slug="budget")

    response = get(
        client, content.reader_url(edition, user=alice, path="secret.html", at=timezone.now())
    )

    assert response.status_code == 404


@pytest.mark.parametrize(
    "token", ["x", ":key", "*", "..", "a:b", "WyJyZWFkZXIiLDEsMSwxXQ:forged", "{{7*7}}", "a" * 5000]
)
def test_token_that_is_not_ours_opens_nothing(client: Client, token: str) -> None:
    assert get(client, content.file_url(token, "index.html")).status_code == 404


def test_token_of_an_embed_page_opens_no_file(
    client: Client, edition: Edition, alice: User
) -> None:
    grant = embed(edition, by=alice)
    token = embeds.embed_url(grant).split("/")[-2]

    assert get(client, content.file_url(token, "index.html")).status_code == 404


def test_unknown_expired_and_withdrawn_look_the_same(
    client: Client, edition: Edition, alice: User, noon
) -> None:
    url = content.reader_url(edition, user=alice, at=NOON)
    unknown = get(client, content.file_url("nonsense", "index.html"))
    missing = get(
        client, content.reader_url(edition, user=alice, path="nothing.html", at=timezone.now())
    )
    User.objects.update(is_active=False)
    withdrawn = get(client, url)
    noon.move_to(NOON + timedelta(days=1))
    expired = get(client, url)

    answers = [unknown, missing, withdrawn, expired]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert len({answer["Content-Security-Policy"] for answer in answers}) == 1
    assert "withdrawn" in unknown.content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "../index.html",
        "./index.html",
        "data",
        "DATA/index.html",
        "index.html/",
        "a\0b",
        "//etc/passwd",
    ],
)
def test_path_is_matched_exactly(client: Client, edition: Edition, alice: User, path: str) -> None:
    response = get(client, content.reader_url(edition, user=alice, path=path, at=timezone.now()))

    assert response.status_code == 404


def test_folder_shows_its_index(client: Client, edition: Edition, alice: User) -> None:
    response = get(client, content.reader_url(edition, user=alice, path="data/", at=timezone.now()))

    assert response.body == b"<meta charset='latin-1'>"


def test_address_without_a_path_leads_to_the_entry(
    client: Client, tmp_path: Path, alice: User
) -> None:
    edition = publish(tmp_path, {"out put/start.html": "here"}, by=alice)
    token = content.reader_url(edition, user=alice, at=timezone.now()).split("/c/")[1].split("/")[0]

    response = client.get(f"/c/{token}/", headers={"host": "127.0.0.1:8000"})

    assert (response.status_code, response["Location"]) == (302, "out%20put/start.html")


def test_type_that_browsers_do_not_show_downloads_under_its_name(
    client: Client, tmp_path: Path, alice: User
) -> None:
    edition = publish(tmp_path, {"index.html": "", "Umsätze Q3.xlsx": b"PK"}, by=alice)

    response = get(
        client, content.reader_url(edition, user=alice, path="Umsätze Q3.xlsx", at=timezone.now())
    )

    assert response["Content-Disposition"] == "attachment; filename*=utf-8''Ums%C3%A4tze%20Q3.xlsx"


def test_html_without_a_charset_is_utf_8(client: Client, edition: Edition, alice: User) -> None:
    response = get(client, content.reader_url(edition, user=alice, at=timezone.now()))

    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert response.body == FILES["index.html"].encode()


def test_html_with_a_charset_keeps_it(client: Client, edition: Edition, alice: User) -> None:
    response = get(client, content.reader_url(edition, user=alice, path="data/", at=timezone.now()))

    assert response["Content-Type"] == "text/html"


def test_known_file_is_not_sent_again(client: Client, edition: Edition, alice: User) -> None:
    url = content.reader_url(edition, user=alice, at=timezone.now())
    etag = get(client, url)["ETag"]

    again = get(client, url, if_none_match=f'"other", W/{etag}')

    assert (again.status_code, again.content, again["ETag"]) == (304, b"", etag)
    assert "sandbox" in again["Content-Security-Policy"]


def test_part_of_a_file_is_sent(client: Client, edition: Edition, alice: User) -> None:
    url = content.reader_url(edition, user=alice, path="raw.bin", at=timezone.now())

    response = get(client, url, range="bytes=10-19")

    assert response.status_code == 206
    assert response.body == bytes(range(10, 20))
    assert response["Content-Range"] == "bytes 10-19/256"
    assert response["Content-Length"] == "10"


def test_part_outside_of_the_file_is_refused(client: Client, edition: Edition, alice: User) -> None:
    url = content.reader_url(edition, user=alice, path="empty.txt", at=timezone.now())

    response = get(client, url, range="bytes=0-")

    assert (response.status_code, response["Content-Range"]) == (416, "bytes */0")


def test_several_parts_get_the_whole_file(client: Client, edition: Edition, alice: User) -> None:
    url = content.reader_url(edition, user=alice, path="raw.bin", at=timezone.now())

    response = get(client, url, range="bytes=0-1,5-6")

    assert (response.status_code, len(response.body)) == (200, 256)


def test_part_of_another_file_than_meant_gets_the_whole(
    client: Client, edition: Edition, alice: User
) -> None:
    url = content.reader_url(edition, user=alice, path="raw.bin", at=timezone.now())

    response = get(client, url, range="bytes=0-1", if_range='"another"')

    assert (response.status_code, len(response.body)) == (200, 256)


def test_head_says_what_get_would(client: Client, edition: Edition, alice: User) -> None:
    url = content.reader_url(edition, user=alice, path="raw.bin", at=timezone.now())
    names = ["Content-Type", "Content-Length", "ETag", "Cache-Control", "Content-Disposition"]

    head, full = get(client, url, "head"), get(client, url)

    assert head.content == b""
    assert [head[name] for name in names] == [full[name] for name in names]


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch", "options"])
def test_file_cannot_be_changed(client: Client, edition: Edition, alice: User, method: str) -> None:
    assert (
        get(client, content.reader_url(edition, user=alice, at=timezone.now()), method).status_code
        == 405
    )


def test_lost_file_is_said_to_be_lost(
    client: Client, edition: Edition, alice: User, caplog: pytest.LogCaptureFixture
) -> None:
    entry = edition.tree.entries.get(path="raw.bin")
    storage.blobs().delete(storage.blob_name(entry.blob_id))

    response = get(
        client, content.reader_url(edition, user=alice, path="raw.bin", at=timezone.now())
    )

    assert response.status_code == 410
    assert "Tell an admin" in response.content.decode()
    assert f"blob_lost digest={entry.blob_id}" in caplog.text


def embed(edition: Edition, *, by: User, follows: str = "latest") -> EmbedGrant:
    return embeds.create_grant(
        edition.publication,
        variant=edition.variant,
        follows=follows,
        major=edition.version.major,
        edition=edition,
        label="Wiki",
        origins=["https://wiki.example.com"],
        by=by,
        at=NOON,
    )


def test_grant_address_lets_the_embed_page_decide_who_frames_it(
    client: Client, edition: Edition, alice: User
) -> None:
    response = get(client, content.grant_url(embed(edition, by=alice), edition))

    assert response.status_code == 200
    assert "frame-ancestors" not in response["Content-Security-Policy"]


def test_grant_address_dies_with_the_grant(client: Client, edition: Edition, alice: User) -> None:
    grant = embed(edition, by=alice)
    url = content.grant_url(grant, edition)
    embeds.revoke_grant(grant, by=alice, at=NOON)

    assert get(client, url).status_code == 404


@pytest.mark.parametrize(
    ("follows", "statuses"),
    [("latest", [200, 200]), ("major", [200, 404]), ("edition", [200, 404])],
)
def test_grant_shows_only_the_editions_that_it_follows(
    client: Client, tmp_path: Path, edition: Edition, alice: User, follows: str, statuses: list[int]
) -> None:
    grant = embed(edition, by=alice, follows=follows)
    second = publish(tmp_path, {"index.html": "second"}, by=alice, change="major")

    urls = [content.grant_url(grant, edition), content.grant_url(grant, second)]

    assert [get(client, url).status_code for url in urls] == statuses


def test_grant_shows_no_edition_of_another_publication(
    client: Client, tmp_path: Path, edition: Edition, alice: User
) -> None:
    other = publish(tmp_path, {"index.html": "budget"}, by=alice, slug="budget")

    assert get(client, content.grant_url(embed(edition, by=alice), other)).status_code == 404


def test_bundle_downloads_as_the_same_archive_every_time(
    client: Client, edition: Edition, alice: User
) -> None:
    client.force_login(alice)

    first, again = get(client, BUNDLE), get(client, BUNDLE)

    with zipfile.ZipFile(io.BytesIO(first.body)) as archive:
        assert archive.namelist() == sorted(FILES)
        assert archive.read("raw.bin") == FILES["raw.bin"]
        assert archive.testzip() is None
    assert again.body == first.body
    assert first["Content-Disposition"] == 'attachment; filename="weekly-sales-1.0.zip"'


def test_bundle_is_not_for_who_may_not_view_it(client: Client, edition: Edition) -> None:
    Publication.objects.update(audience=Audience.OWNER)
    client.force_login(person("charlie", Role.READER))

    response = get(client, BUNDLE)

    assert response.status_code == 404


def test_bundle_of_a_version_that_is_not_there_is_not_found(
    client: Client, edition: Edition, alice: User
) -> None:
    client.force_login(alice)

    response = get(client, BUNDLE.replace("1.0", "7.0"))

    assert response.status_code == 404
