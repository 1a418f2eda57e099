import json
from pathlib import Path

import pytest

from portal.accounts.models import Role, User
from portal.publishing.models import Edition, Publication, Version
from portal.runs.models import Run

NOTEBOOK = """{"cells": [{"cell_type": "code", "id": "a", "metadata": {}, "source": "1 + 1",
"outputs": [], "execution_count": null}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}"""


@pytest.fixture
def publish(manage, alice):
    return lambda path, *options: manage("publish", path, "--by=alice", *options)


def test_publish_prints_the_stable_link_and_the_edition(publish, page, settings):
    answer = publish(page, "--slug=sales", "--title=Weekly sales")

    assert answer.code == 0
    assert "Version 1.0 of “Weekly sales” is published." in answer.out
    assert f"{settings.PORTAL_ORIGIN}/reports/sales/\n" in answer.out
    assert f"{settings.PORTAL_ORIGIN}/reports/sales/editions/1/\n" in answer.out
    assert Edition.objects.get().version.created_by.username == "alice"


def test_publish_again_makes_the_next_minor_version(publish, page):
    publish(page, "--slug=sales")
    page.write_text("<title>Sales</title><h1>Sales rose by 5 %</h1>")

    answer = publish(page, "--slug=sales", "-m", "Late orders are in")

    assert "Version 1.1" in answer.out
    assert Publication.objects.count() == 1
    assert Version.objects.get(minor=1).notes == "Late orders are in"


def test_publish_of_the_same_files_succeeds_and_adds_nothing(publish, page):
    publish(page, "--slug=sales")

    answer = publish(page, "--slug=sales")

    assert answer.code == 0
    assert "version 1.0 of “Sales” already; nothing was added" in answer.out
    assert "/reports/sales/\n" in answer.out
    assert Version.objects.count() == 1


def test_publish_major_without_a_note_is_refused(publish, page):
    publish(page, "--slug=sales")
    page.write_text("<title>Sales</title><h1>Counted anew</h1>")

    refused = publish(page, "--slug=sales", "--major")
    taken = publish(page, "--slug=sales", "--major", "-m", "Returns are counted")

    assert (refused.code, refused.out) == (1, "")
    assert refused.err == "A major version needs a note: say what changes for a reader.\n"
    assert "Version 2.0" in taken.out


def test_publish_new_refuses_a_slug_that_is_taken(publish, page):
    publish(page, "--slug=sales")

    answer = publish(page, "--slug=sales", "--new")

    assert answer.code == 1
    assert "has the slug sales already" in answer.err


def test_publish_of_a_slug_like_another_asks(publish, page):
    publish(page, "--slug=weekly-sales")

    answer = publish(page, "--slug=weekly-sale")

    assert answer.code == 1
    assert "Did you mean weekly-sales?" in answer.err
    assert Publication.objects.count() == 1


def test_publish_of_a_refused_file_stores_nothing(publish, tmp_path, stored):
    empty = tmp_path / "empty.html"
    empty.touch()

    answer = publish(empty, "--slug=sales")

    assert (answer.code, answer.out) == (1, "")
    assert answer.err.count("\n") == 1
    assert "Traceback" not in answer.err
    assert not Publication.objects.exists()
    assert stored() == []


def test_publish_of_a_folder_takes_its_slug_from_the_manifest(publish, tmp_path):
    folder = tmp_path / "report"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "config").write_text("secret")
    (folder / "img").mkdir()
    (folder / "img" / "note.txt").write_text("beside the page")
    (folder / "index.html").write_text("<title>Sales</title><h1>Sales</h1>")
    (folder / "broadsheet.toml").write_text('slug = "sales"\ntitle = "Sales by region"\n')

    answer = publish(folder)

    version = Version.objects.get()
    assert "“Sales by region”" in answer.out
    assert set(version.bundle.entries.values_list("path", flat=True)) == {
        "broadsheet.toml",
        "img/note.txt",
        "index.html",
    }


def test_publish_of_code_names_the_run(publish, tmp_path, settings):
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "sales.ipynb").write_text(NOTEBOOK)
    (folder / "broadsheet.toml").write_text('entry = "sales.ipynb"\n')

    answer = publish(folder, "--slug=sales")

    run = Run.objects.get()
    assert answer.code == 0
    assert "its first run is queued" in answer.out
    assert f"{settings.PORTAL_ORIGIN}/operations/runs/{run.pk}/\n" in answer.out
    assert not Edition.objects.exists()


def test_publish_refuses_a_folder_with_links(publish, tmp_path):
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "index.html").write_text("<h1>Sales</h1>")
    (folder / "passwords.txt").symlink_to("/etc/passwd")

    answer = publish(folder, "--slug=sales")

    assert answer.code == 1
    assert "passwords.txt is a link" in answer.err


def test_publish_json_is_one_object_also_when_refused(publish, page):
    done = publish(page, "--slug=sales", "--json")
    refused = publish(page, "--slug=sales", "--new", "--json")

    facts = json.loads(done.out)
    assert (facts["slug"], facts["version"], facts["edition"]) == ("sales", "1.0", 1)
    assert facts["link"].endswith("/reports/sales/")
    assert refused.code == 1
    assert json.loads(refused.out)["error"] == "slug_taken"
    assert refused.err == ""


def test_publish_says_what_an_existing_publication_does_not_take(publish, page):
    publish(page, "--slug=sales", "--title=Sales")
    page.write_text("<h1>Again</h1>")

    answer = publish(page, "--slug=sales", "--title=Another")

    assert answer.code == 0
    assert "Only a new publication takes title" in answer.err
    assert Publication.objects.get().title == "Sales"


def test_publish_without_a_slug_asks_for_one(publish, page):
    answer = publish(page)

    assert answer.code == 2
    assert "--slug" in answer.err
    assert not Publication.objects.exists()


def test_publish_of_a_path_that_is_not_there_is_wrong_use(publish, tmp_path):
    answer = publish(tmp_path / "nothing.html", "--slug=sales")

    assert answer.code == 2
    assert "There is no file or folder" in answer.err


def test_publish_for_an_unknown_team_names_those_there_are(publish, page):
    answer = publish(page, "--slug=sales", "--team=sales")

    assert answer.code == 2
    assert "Teams: delivery." in answer.err


def test_publish_by_nobody_known_asks_who(manage, alice, page):
    answer = manage("publish", page, "--slug=sales")

    assert answer.code == 2
    assert "--by USERNAME" in answer.err


def test_publish_takes_the_person_from_the_environment(manage, alice, page, monkeypatch):
    monkeypatch.setenv("BROADSHEET_USER", "alice")

    answer = manage("publish", page, "--slug=sales")

    assert answer.code == 0
    assert Publication.objects.get().owner == alice


def test_publish_by_a_reader_is_refused(manage, alice, page: Path):
    User.objects.create_user("charlie", role=Role.READER)

    answer = manage("publish", page, "--slug=sales", "--by=charlie")

    assert answer.code == 1
    assert "Your role is reader" in answer.err
    assert not Publication.objects.exists()
