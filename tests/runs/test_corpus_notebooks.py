"""Real notebooks of other people, as they were found: each runs, or ends with an error of its author's, never ours.

All of them with BROADSHEET_WHOLE_CORPUS=1; else those that are quick and differ most.
"""

import os
from pathlib import Path

import pytest

from portal.accounts.models import User
from portal.publishing.actions import Wish, publish_bundle
from portal.publishing.uploads import UploadedFile, receive
from portal.runs import director
from portal.runs.models import Run
from tests.conftest import SHARED
from tests.runs.conftest import MONDAY

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.corpus,
    pytest.mark.slow,
]

FOLDER = SHARED / "corpus" / "notebook"
EVERY = sorted(path.name for path in FOLDER.glob("*.ipynb"))
SAMPLE = {
    "IRkernel__Demo.ipynb",
    "knowledge-repo__plotly.ipynb",
    "nbconvert__notebook2_no_kernelspec.ipynb",
    "nbformat__invalid.ipynb",
    "nbformat__test3_no_metadata.ipynb",
}
CHOSEN = EVERY if os.environ.get("BROADSHEET_WHOLE_CORPUS") else sorted(SAMPLE & set(EVERY))
LIMITS = "[run]\nnetwork = false\ntime_limit_seconds = 60\n"
ITS_OWN = {Run.State.SUCCEEDED, Run.State.FAILED}


@pytest.mark.parametrize("name", CHOSEN)
def test_notebook_runs_or_fails_with_its_own_error(name: str, alice: User, tmp_path: Path) -> None:
    manifest = tmp_path / "broadsheet.toml"
    manifest.write_text(f'entry = "{name}"\n{LIMITS}')
    uploads = [
        UploadedFile(FOLDER / name, f"b/{name}"),
        UploadedFile(manifest, f"b/{manifest.name}"),
    ]

    version = publish_bundle(receive(uploads), Wish(slug="found"), by=alice, at=MONDAY)
    run = version.runs.get()
    director.direct(run.pk, worker="w")

    run.refresh_from_db()
    assert run.state in ITS_OWN, run.error
    assert run.fault != Run.Fault.PLATFORM, run.error
    assert run.edition or run.error.startswith(name)
