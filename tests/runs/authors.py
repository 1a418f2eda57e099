"""What an author uploads, made small: bundles of code, and publications that are refreshed."""

import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat

from portal.accounts.models import User
from portal.publishing.actions import Bundle, Wish, publish_bundle
from portal.publishing.models import Variant
from portal.publishing.trees import store_files

COUNTING = """
import os, pathlib
output = pathlib.Path(os.environ["BROADSHEET_OUTPUT"])
output.joinpath("index.html").write_text("<p>" + os.environ["BROADSHEET_LOGICAL_TIME"])
"""
CONSTANT = COUNTING.replace('os.environ["BROADSHEET_LOGICAL_TIME"]', '"always the same"')


def bundle_of(
    files: dict[str, str], *, entry: str, manifest: dict[str, Any] | None = None
) -> Bundle:
    """A checked bundle of code, its bytes kept."""
    with tempfile.TemporaryDirectory() as name:
        for path, text in files.items():
            target = Path(name) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        stored = store_files(Path(name))
    return Bundle(
        files=stored,
        entry=entry,
        format="script" if entry.endswith(".py") else "notebook",
        executes=True,
        manifest=manifest or {},
        facts={},
        kind="report",
        title="Counting",
        summary="",
        rendered=None,
    )


def publish_code(
    files: dict[str, str],
    entry: str,
    *,
    runner: str,
    by: User,
    at: datetime,
    manifest: dict[str, Any] | None = None,
) -> Variant:
    """A publication of code for any runner, which waits for its first run; its default variant."""
    bundle = replace(bundle_of(files, entry=entry, manifest=manifest), format=runner)
    version = publish_bundle(bundle, Wish(slug="coded"), by=by, at=at)
    return version.publication.variants.get()


def publish_script(
    source: str,
    *,
    by: User,
    at: datetime,
    slug: str = "counting",
    create: bool | None = None,
    manifest: dict[str, Any] | None = None,
    files: dict[str, str] | None = None,
) -> Variant:
    """A publication whose script waits for its first run; its default variant.

    :param create: whether it may be new; None: unless its slug looks like a typing error.
    """
    bundle = bundle_of({"main.py": source, **(files or {})}, entry="main.py", manifest=manifest)
    version = publish_bundle(bundle, Wish(slug=slug, create=create), by=by, at=at)
    return version.publication.variants.get()


def publish_notebook(cells: list[str], *, by: User, at: datetime, slug: str = "notes") -> Variant:
    """A publication whose notebook waits for its first run; its default variant."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    bundle = bundle_of({"notes.ipynb": nbformat.writes(notebook)}, entry="notes.ipynb")
    version = publish_bundle(bundle, Wish(slug=slug), by=by, at=at)
    return version.publication.variants.get()


def declares(variant: Variant, *parameters: dict[str, Any]) -> None:
    """Let the variant's version declare these parameters."""
    version = variant.version
    assert version is not None
    version.manifest = version.manifest | {"parameters": list(parameters)}
    version.save(update_fields=["manifest"])
