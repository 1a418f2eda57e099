import json

import pytest

from portal.common import children
from portal.common.refusals import Refused
from portal.publishing import workshop
from portal.publishing.formats import formats_by_extension
from tests.publishing.parcels import PAGE, prepared, prepared_zip, sent

NOTEBOOK = json.dumps(
    {"cells": [], "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
     "nbformat": 4, "nbformat_minor": 5}
).encode()  # fmt: skip
SHIM = b'<script src="/static/content/sandbox.js"></script>'


def refusal_of(function, *arguments):
    with pytest.raises(Refused) as refused:
        function(*arguments)
    return refused.value


def paths_below(folder):
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def test_single_page_is_kept_as_it_is_and_shown_with_our_script(tmp_path):
    made = prepared(tmp_path, {"Weekly_sales.html": PAGE})

    assert made == {
        "entry": "Weekly_sales.html",
        "format": "html",
        "executes": False,
        "kind": "report",
        "title": "Sales",
        "manifest": {},
        "files": [{"path": "Weekly_sales.html", "size": len(PAGE)}],
        "left_out": [],
        "facts": {"title": "Sales", "summary": ""},
        "produced": {"entry": "Weekly_sales.html", "title": "Sales", "summary": "", "facts": {}},
    }
    assert (tmp_path / "prepared/bundle/Weekly_sales.html").read_bytes() == PAGE
    shown = (tmp_path / "prepared/edition/Weekly_sales.html").read_bytes()
    assert shown.replace(SHIM, b"", 1) == PAGE


def test_title_falls_back_to_the_name_of_the_file(tmp_path):
    made = prepared(tmp_path, {"C:\\Weekly_sales <b>.csv": b"a,b\n1,2\n"})

    assert made["title"] == "Weekly sales <b>"
    assert made["produced"]["summary"] == "1 row, 2 columns"


@pytest.mark.parametrize(
    ("kind", "taken"), [("visualization", "visualization"), ("dataset", "report"), ("", "report")]
)
def test_unknown_kind_is_the_default_of_the_format(tmp_path, kind, taken):
    assert prepared(tmp_path, {"a.html": PAGE}, kind)["kind"] == taken


def test_kind_of_an_image_is_a_visualization(tmp_path):
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"/>'

    assert prepared(tmp_path, {"a.svg": svg})["kind"] == "visualization"


def test_folder_shows_its_index(tmp_path):
    made = prepared(tmp_path, {"r/index.html": PAGE, "r/other.html": PAGE, "r/a.css": b"p{}"})

    assert made["entry"] == "index.html"
    assert paths_below(tmp_path / "prepared/edition") == ["a.css", "index.html", "other.html"]


@pytest.mark.parametrize(
    ("names", "entry"),
    [
        (["report.html", "lib/a.js", "data.csv"], "report.html"),
        (["report.html", "sub/other.html"], "report.html"),
        (["README.md", "data.csv", "requirements.txt"], "README.md"),
        (["n.ipynb", "README.md", "helper.py"], "n.ipynb"),
    ],
)
def test_folder_without_index_shows_what_can_only_be_meant(tmp_path, names, entry):
    contents = {".html": PAGE, ".ipynb": NOTEBOOK, ".csv": b"a\n1\n"}

    made = prepared(tmp_path, {n: contents.get(n[n.rindex(".") :], b"# x\n") for n in names})

    assert made["entry"] == entry
    assert made["executes"] is False


@pytest.mark.parametrize(
    "members",
    [["other.html"], ["a.csv", "b.csv"], ["x.zip"], ["model.pkl", "requirements.txt"], ["run.py"]],
)
def test_zip_without_index_is_refused_with_the_remedy(tmp_path, members):
    refused = refusal_of(prepared_zip, tmp_path, dict.fromkeys(members, b"x"))

    assert refused.code == "bundle_without_index"
    assert "broadsheet.toml" in refused.message


def test_manifest_names_entry_title_and_kind(tmp_path):
    toml = b'entry = "other.html"\ntitle = "My title"\nkind = "visualization"\n'

    made = prepared_zip(tmp_path, {"top/broadsheet.toml": toml, "top/other.html": PAGE})

    assert (made["entry"], made["title"], made["kind"]) == (
        "other.html",
        "My title",
        "visualization",
    )
    assert made["manifest"]["title"] == "My title"
    assert paths_below(tmp_path / "prepared/edition") == ["other.html"]


def test_code_with_a_manifest_is_to_be_run(tmp_path):
    toml = b'entry = "n.ipynb"\n[schedule]\nevery_minutes = 2\n'

    made = prepared_zip(tmp_path, {"broadsheet.toml": toml, "n.ipynb": NOTEBOOK})

    assert made["executes"] is True
    assert made["produced"] is None
    assert made["manifest"]["schedule"] == {"every_minutes": 2}
    assert not (tmp_path / "prepared/edition").exists()


def test_script_with_a_manifest_is_to_be_run(tmp_path):
    made = prepared_zip(tmp_path, {"broadsheet.toml": b'entry = "run.py"', "run.py": b"print(1)"})

    assert (made["format"], made["executes"], made["kind"]) == ("script", True, "report")


def test_notebook_that_is_not_to_be_run_is_shown(tmp_path):
    toml = b'entry = "n.ipynb"\n[run]\nexecute = false\n'

    made = prepared_zip(tmp_path, {"broadsheet.toml": toml, "n.ipynb": NOTEBOOK})

    assert made["executes"] is False
    assert made["produced"]["entry"] == "index.html"


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ('\nentry = "missing.html"', "(line 2): entry names no file"),
        ('entry = "run.py"\n[run]\nexecute = false', "(line 2): run has execute = false"),
        ('entry = "a.html"\n[run]\nexecute = true', "(line 2): run has execute = true"),
        ('entry = "a.html"\n\n[schedule]\nevery_minutes = 2', "(line 3): schedule is only for"),
        ('entri = "a.html"', "(line 1): entri is not a known key"),
    ],
)
def test_manifest_that_does_not_fit_is_refused(tmp_path, toml, says):
    members = {"broadsheet.toml": toml.encode(), "a.html": PAGE, "run.py": b""}

    refused = refusal_of(prepared_zip, tmp_path, members)

    assert refused.code == "manifest_invalid"
    assert says in refused.message


@pytest.mark.parametrize(
    ("name", "content", "code", "status"),
    [
        ("run.py", b"print(1)", "script_needs_bundle", 415),
        ("setup.exe", b"MZ", "type_not_allowed", 415),
        ("report", PAGE, "type_not_allowed", 415),
        (".htaccess", b"x", "type_not_allowed", 415),
        ("a.csv", PAGE, "type_mismatch", 415),
        ("a.png", b"\x7fELF", "type_mismatch", 415),
        ("a.html", b"\x89PNG\r\n\x1a\n", "type_mismatch", 415),
        ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "type_mismatch", 415),
        ("a.html", b"", "empty_file", 400),
        ("a.html", b" \n", "unreadable_file", 422),
        ("n" * 2000 + ".csv", b"a\n1\n", "bad_filename", 400),
    ],
)
def test_files_that_cannot_be_shown_are_refused(tmp_path, name, content, code, status):
    refused = refusal_of(prepared, tmp_path, {name: content})

    assert (refused.code, refused.status) == (code, status)
    assert refused.message[0].isupper()
    assert refused.message.endswith((".", "?"))


def test_limits_come_from_the_caller(tmp_path):
    uploads = sent(tmp_path / "in", {"a.html": PAGE})

    refused = refusal_of(
        workshop.prepare,
        uploads,
        str(tmp_path / "out"),
        formats_by_extension(),
        "",
        {"file_bytes": 9},
    )

    assert refused.code == "file_too_large"


def test_prepare_runs_in_a_child(tmp_path):
    made = children.call(
        "portal.publishing.workshop:prepare",
        uploads=sent(tmp_path / "in", {"a.csv": b"a\n1\n"}),
        destination=str(tmp_path / "out"),
        formats=formats_by_extension(),
    )

    assert made["produced"]["entry"] == "index.html"
    assert paths_below(tmp_path / "out/edition") == ["a.csv", "data.json", "index.html"]


def test_output_of_a_run_is_shown_without_its_report(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "index.html").write_bytes(PAGE)
    (run / "broadsheet.json").write_text('{"metrics": {}}')
    (run / ".cache").write_text("x")

    made = workshop.produce(str(run), "", str(tmp_path / "edition"), formats_by_extension())

    assert made["entry"] == "index.html"
    assert made["produced"]["title"] == "Sales"
    assert paths_below(tmp_path / "edition") == ["index.html"]


def test_output_of_a_run_may_name_its_entry(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "table.csv").write_text("a\n1\n")
    (run / "index.html").write_bytes(PAGE)
    made = workshop.produce(
        str(run), "table.csv", str(tmp_path / "edition"), formats_by_extension()
    )

    assert made["format"] == "table"


@pytest.mark.parametrize(("entry", "files"), [("", []), ("missing.html", ["a.html"])])
def test_run_without_something_to_show_is_refused(tmp_path, entry, files):
    run = tmp_path / "run"
    run.mkdir()
    for name in files:
        (run / name).write_bytes(PAGE)

    refused = refusal_of(
        workshop.produce, str(run), entry, str(tmp_path / "edition"), formats_by_extension()
    )

    assert refused.code == "bundle_without_index"


# ---- code ----


@pytest.mark.parametrize(
    ("name", "runner"),
    [("r.qmd", "quarto"), ("r.Rmd", "rmarkdown"), ("r.sh", "shell"), ("r.py", "script")],
)
def test_code_with_a_manifest_names_its_runner(tmp_path, name, runner):
    toml = f'entry = "{name}"'.encode()

    made = prepared_zip(tmp_path, {"broadsheet.toml": toml, name: b"# Sales\n"})

    assert (made["format"], made["executes"], made["produced"]) == (runner, True, None)


@pytest.mark.parametrize("name", ["r.qmd", "r.Rmd"])
def test_document_alone_is_shown_as_it_is(tmp_path, name):
    made = prepared(tmp_path, {name: b"# Sales\n"})

    assert (made["format"], made["executes"]) == ("markdown", False)
    assert made["title"] == "Sales"


def test_document_that_is_not_to_be_run_is_shown_as_it_is(tmp_path):
    toml = b'entry = "r.qmd"\n[run]\nexecute = false\n'

    made = prepared_zip(tmp_path, {"broadsheet.toml": toml, "r.qmd": b"# Sales\n"})

    assert (made["format"], made["executes"]) == ("markdown", False)


def test_command_needs_no_entry(tmp_path):
    toml = b'title = "Sales"\n[run]\ncommand = "make report"\n'

    made = prepared_zip(tmp_path, {"broadsheet.toml": toml, "Makefile": b"report:\n"})

    assert (made["entry"], made["format"], made["executes"]) == (
        "broadsheet.toml",
        "command",
        True,
    )
    assert (made["title"], made["kind"]) == ("Sales", "report")


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        (
            'entry = "a.html"\n[run]\ncommand = "make"',
            "(line 1): entry does not go with run.command",
        ),
        ('[run]\ncommand = "make"\nexecute = false', "(line 1): run has execute = false, but then"),
    ],
)
def test_command_that_does_not_fit_is_refused(tmp_path, toml, says):
    refused = refusal_of(prepared_zip, tmp_path, {"broadsheet.toml": toml.encode(), "a.html": PAGE})

    assert refused.code == "manifest_invalid"
    assert says in refused.message


def test_shell_script_alone_needs_a_bundle(tmp_path):
    refused = refusal_of(prepared, tmp_path, {"run.sh": b"true\n"})

    assert refused.code == "script_needs_bundle"
