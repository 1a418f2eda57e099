"""The one address for uploads: what people and programs get, and what is turned away without a trace."""

import io
import resource
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from portal.accounts.models import User
from portal.publishing.models import Edition, Publication, TreeEntry, Version
from portal.runs.models import Run
from tests import factories

Reading = Callable[[User], Client]
JSON = {"accept": "application/json"}
BOUNDARY = "----page"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
PAGE = b"<!doctype html><title>Sales of week 46</title><h1>Sales</h1>"
TABLE = b"region,revenue\nNorth,12\nSouth,30\n"


def file(name: str = "sales.html", content: bytes = PAGE) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def part(header: str, content: bytes = PAGE) -> bytes:
    return f"--{BOUNDARY}\r\n{header}\r\n\r\n".encode() + content + b"\r\n"


def body(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def named(name: str) -> str:
    return f'Content-Disposition: form-data; name="file"; filename="{name}"'


def is_untouched() -> bool:
    """Whether a refusal left nothing: no row, and no file in the scratch folder."""
    left = [path for path in Path(settings.SCRATCH_DIR).iterdir() if path.name != "uv-cache"]
    return not Publication.objects.exists() and not left


# What people get ---------------------------------------------------------------------------------


def test_upload_page_is_for_authors(alice: User, charlie: User, reading: Reading) -> None:
    form = reading(alice).get("/upload/")
    refused = reading(charlie).get("/upload/")

    assert form.status_code == 200
    assert refused.status_code == 403
    assert "Your role is reader" in refused.content.decode()


def test_upload_becomes_a_publication_and_leads_there(alice: User, reading: Reading) -> None:
    client = reading(alice)

    response = client.post("/upload/", {"file": file(), "slug": "weekly-sales"})

    assert (response.status_code, response["Location"]) == (303, "/reports/weekly-sales/")
    page = client.get(response["Location"]).content.decode()
    assert '<p class="strip ok" role="status">' in page
    assert "Version 1.0 is in. Edition #1 is current." in page


def test_upload_takes_title_summary_kind_and_audience_from_the_form(
    alice: User, reading: Reading
) -> None:
    form = {
        "file": file(),
        "title": "Sales,  by week",
        "summary": "What was sold.",
        "kind": "visualization",
        "audience": "team",
    }

    reading(alice).post("/upload/", form)

    publication = Publication.objects.get()
    assert (publication.title, publication.summary) == ("Sales, by week", "What was sold.")
    assert (publication.kind, publication.audience) == ("visualization", "team")


def test_upload_of_a_version_offers_the_next_numbers(alice: User, reading: Reading) -> None:
    factories.publication(by=alice)

    page = reading(alice).get("/reports/weekly-sales/upload/").content.decode()

    assert "Minor: 1.1" in page
    assert "Major: 2.0" in page
    assert "--slug weekly-sales" in page


def test_upload_of_a_version_keeps_the_link(alice: User, bob: User, reading: Reading) -> None:
    factories.publication(by=alice)
    form = {"file": file(), "change": "major", "notes": "New clock.", "based_on": "1.0"}

    reading(bob).post("/reports/weekly-sales/upload/", form)

    version = Version.objects.latest("pk")
    assert (version.number, version.notes, version.created_by) == ("2.0", "New clock.", bob)
    assert Publication.objects.count() == 1


def test_upload_that_is_refused_keeps_what_was_typed_and_says_why_at_its_field(
    alice: User, reading: Reading
) -> None:
    factories.publication(by=alice)
    form = {"file": file(), "change": "major", "notes": "", "based_on": "1.0"}

    response = reading(alice).post("/reports/weekly-sales/upload/", form)

    page = response.content.decode()
    assert response.status_code == 422
    assert '<p class="error" id="notes-error">A major version needs a note' in page
    assert 'name="change" value="major" checked' in page


def test_upload_with_a_slug_like_another_asks_whether_it_is_new(
    alice: User, reading: Reading
) -> None:
    factories.publication(by=alice)
    client = reading(alice)

    asked = client.post("/upload/", {"file": file(), "slug": "weekly-sale", "title": "Mine"})
    done = client.post("/upload/", {"file": file(), "slug": "weekly-sale", "new": "1"})

    assert asked.status_code == 404
    assert "Did you mean weekly-sales?" in asked.content.decode()
    assert 'value="Mine"' in asked.content.decode()
    assert done["Location"] == "/reports/weekly-sale/"


def test_upload_of_a_version_is_not_for_others(
    alice: User, rita: User, charlie: User, reading: Reading
) -> None:
    factories.publication(by=alice)

    answers = [
        reading(person).post("/reports/weekly-sales/upload/", {"file": file()}).status_code
        for person in (rita, charlie)
    ]

    assert answers == [403, 403]
    assert Version.objects.count() == 1


def test_upload_needs_the_token_of_the_form(alice: User) -> None:
    client = Client(enforce_csrf_checks=True, headers={"host": "localhost:8000"})
    client.force_login(alice)

    response = client.post("/upload/", {"file": file()})

    assert response.status_code == 403
    assert "This form has gone stale" in response.content.decode()
    assert is_untouched()


def test_upload_takes_the_token_from_the_form(alice: User) -> None:
    client = Client(enforce_csrf_checks=True, headers={"host": "localhost:8000"})
    client.force_login(alice)
    token = str(client.get("/upload/").context["csrf_token"])

    response = client.post("/upload/", {"file": file(), "csrfmiddlewaretoken": token})

    assert response.status_code == 303


# What programs get ---------------------------------------------------------------------------------


def test_upload_tells_programs_what_it_made(alice: User, reading: Reading) -> None:
    response = reading(alice).post("/upload/", {"file": file(), "slug": "sales"}, headers=JSON)

    assert response.status_code == 201
    assert response.json() == {
        "slug": "sales",
        "url": "http://localhost:8000/reports/sales/",
        "version": "1.0",
        "edition": 1,
        "run": None,
    }


def test_upload_of_code_tells_programs_its_run(alice: User, reading: Reading) -> None:
    manifest = b'entry = "report.py"\n'
    files = [file("report.py", b"print(1)\n"), file("broadsheet.toml", manifest)]

    response = reading(alice).post("/upload/", {"file": files, "slug": "code"}, headers=JSON)

    assert response.status_code == 201
    assert response.json()["edition"] is None
    assert response.json()["run"] == Run.objects.get().pk


def test_upload_of_code_with_a_rule_that_never_comes_due_keeps_nothing(
    alice: User, reading: Reading
) -> None:
    manifest = b'entry = "sales.py"\n[schedule]\ncron = "0 7 31 2 *"\n'
    files = [file("broadsheet.toml", manifest), file("sales.py", b"print(1)\n")]

    answer = reading(alice).post("/upload/", {"file": files}, headers=JSON)

    assert answer.status_code == 422
    assert "broadsheet.toml (line 3)" in answer.json()["message"]
    assert is_untouched()


def test_upload_twice_of_the_same_files_is_a_conflict(alice: User, reading: Reading) -> None:
    client = reading(alice)
    client.post("/upload/", {"file": file(), "slug": "sales"})

    response = client.post("/upload/", {"file": file(), "slug": "sales"}, headers=JSON)

    assert (response.status_code, response.json()["error"]) == (409, "unchanged")
    assert Edition.objects.count() == 1


def test_upload_based_on_an_older_version_is_a_conflict(alice: User, reading: Reading) -> None:
    factories.publication(by=alice)
    factories.version("second", by=alice)
    form = {"file": file(), "slug": "weekly-sales", "based_on": "1.0"}

    response = reading(alice).post("/upload/", form, headers=JSON)

    assert (response.status_code, response.json()["error"]) == (409, "version_moved")


def test_upload_keeps_the_folders_of_dropped_files(alice: User, reading: Reading) -> None:
    form = {
        "file": [file("index.html"), file("north.csv", TABLE)],
        "path": ["site/index.html", "site/data/north.csv"],
    }

    reading(alice).post("/upload/", form, headers=JSON)

    paths = TreeEntry.objects.filter(tree=Version.objects.get().bundle).values_list("path")
    assert any(path.endswith("data/north.csv") for (path,) in paths)


def test_upload_takes_a_zip(alice: User, reading: Reading) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("index.html", PAGE)

    response = reading(alice).post(
        "/upload/", {"file": file("site.zip", archive.getvalue())}, headers=JSON
    )

    assert response.status_code == 201


def test_upload_judges_the_name_as_it_was_sent(alice: User, reading: Reading) -> None:
    sent = body(part(named("../../quartal\u202etxt.csv"), TABLE))

    response = reading(alice).generic("POST", "/upload/", sent, MULTIPART, headers=JSON)

    assert response.status_code == 201
    assert not [path for (path,) in TreeEntry.objects.values_list("path") if ".." in path]


# What is turned away --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (body(), "no_file"),
        (body(part(named(""), b"")), "no_file"),
        (body(part('Content-Disposition: form-data; name="picture"; filename="a.html"')), "unknown_field"),
        (body(part(named("a.html") + "\r\nContent-Transfer-Encoding: base64", b"PGgxPg==")), "encoding_not_allowed"),
        (body(part(named("a.html") + "\r\nX-Long: " + "a" * 5000)), "bad_form"),
        (body(part("Content-Type: text/html")), "bad_form"),
        (part(named("a.html")), "bad_form"),
        (b"no form at all", "bad_form"),
        (body(part(named("a.html")), part('Content-Disposition: form-data; name="path"', b"a"),
              part('Content-Disposition: form-data; name="path"', b"b")), "bad_form"),
        (body(part(named("a.html")), part('Content-Disposition: form-data; name="notes"', b"x" * 2001)), "field_invalid"),
        (body(part(named("a.html")), part('Content-Disposition: form-data; name="notes"', b"x" * 3_000_000)), "too_large"),
        (body(part(named("a.exe"), b"MZ")), "type_not_allowed"),
        (body(part(named("a.html"), b"")), "empty_file"),
        (body(*[part(named(f"{n}.txt"), b"x") for n in range(1001)]), "too_many_files"),
    ],
    ids=["nothing", "empty-input", "other-field", "base64", "long-header", "no-disposition", "no-end",
         "no-form", "odd-paths", "long-note", "huge-note", "program", "empty", "flood"],
)  # fmt: skip
def test_upload_refuses_with_a_code_and_keeps_nothing(
    alice: User, reading: Reading, sent: bytes, code: str
) -> None:
    response = reading(alice).generic("POST", "/upload/", sent, MULTIPART, headers=JSON)

    assert 400 <= response.status_code < 500
    assert response.json()["error"] == code
    assert len(response.json()["message"]) > 20
    assert is_untouched()


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=" + "b" * 5000, 400),
        ("multipart/form-data; boundary=\x80\xff", 400),
        ("multipart/mixed; boundary=page", 415),
        ("application/json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ],
)
def test_upload_refuses_other_kinds_of_body(
    alice: User, reading: Reading, content_type: str, status: int
) -> None:
    response = reading(alice).generic("POST", "/upload/", b"{}", content_type, headers=JSON)

    assert response.status_code == status
    assert is_untouched()


@pytest.mark.parametrize(
    ("length", "status"),
    [("201000000", 413), ("9" * 5000, 413), ("", 411), ("-1", 411), ("x", 411)],
)
def test_upload_judges_the_length_before_it_reads(
    alice: User, reading: Reading, length: str, status: int
) -> None:
    response = reading(alice).generic(
        "POST", "/upload/", b"unread", MULTIPART, headers=JSON, CONTENT_LENGTH=length
    )

    assert response.status_code == status
    assert is_untouched()


def test_upload_that_is_too_large_says_so_on_the_page(
    alice: User, reading: Reading, settings: Settings
) -> None:
    settings.UPLOAD_MAX_BYTES = 1_000_000

    response = reading(alice).post("/upload/", {"file": file(content=b"x" * 1_100_000)})

    assert response.status_code == 413
    assert "At most 1 MB at once." in response.content.decode()


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow beyond a megabyte: writing more fails as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_upload_without_room_says_so_and_keeps_nothing(
    alice: User, reading: Reading, small_disk: None
) -> None:
    client = reading(alice)
    too_much = b"x" * 1_100_000

    program = client.post("/upload/", {"file": file(content=too_much)}, headers=JSON)
    page = client.post("/upload/", {"file": file(content=too_much)})

    assert (program.status_code, program.json()["error"]) == (507, "out_of_space")
    assert page.status_code == 507
    assert "There is no room left" in page.content.decode()
    assert is_untouched()


def test_upload_without_room_for_a_folder_says_so(
    alice: User, reading: Reading, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "not-a-folder").write_text("in the way")
    settings.SCRATCH_DIR = tmp_path / "not-a-folder" / "tmp"

    response = reading(alice).post("/upload/", {"file": file()}, headers=JSON)

    assert (response.status_code, response.json()["error"]) == (507, "out_of_space")
