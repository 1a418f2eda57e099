"""Commands called as people call them: what they print, and how they end."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import call_command

from portal.accounts.models import Membership, Role, Team, User


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


@pytest.fixture
def manage(capsys, db):
    """Call a command; the answer is its exit code and what it printed."""

    def call(*arguments: str | Path) -> Answer:
        code = 0
        try:
            call_command(*(str(argument) for argument in arguments))
        except SystemExit as end:
            code = int(end.code or 0)
        printed = capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    return call


@pytest.fixture
def alice(db) -> User:
    """An author of the team Delivery."""
    user = User.objects.create_user("alice", "alice@example.com", role=Role.AUTHOR)
    Membership.objects.create(user=user, team=Team.objects.create(slug="delivery", name="Delivery"))
    return user


@pytest.fixture(autouse=True)
def own_stores(settings, tmp_path, monkeypatch):
    """Blobs and scratch of one test, and nobody at the keyboard."""
    monkeypatch.delenv("BROADSHEET_USER", raising=False)
    monkeypatch.setenv("LOGNAME", "nobody-here")
    settings.SCRATCH_DIR = tmp_path / "scratch"
    settings.SCRATCH_DIR.mkdir()
    settings.STORAGES = {
        **settings.STORAGES,
        "blobs": {
            "BACKEND": "portal.common.storage.DigestFileStorage",
            "OPTIONS": {"location": str(tmp_path / "blobs")},
        },
    }


@pytest.fixture
def stored(tmp_path):
    """The files in the blob store, by name."""
    return lambda: sorted(path for path in (tmp_path / "blobs").rglob("*") if path.is_file())


@pytest.fixture
def page(tmp_path) -> Path:
    path = tmp_path / "page.html"
    path.write_text("<!doctype html><title>Sales</title><h1>Sales rose by 4 %</h1>")
    return path


def age(path: Path, *, hours: float) -> None:
    """Make a file or folder as old as that."""
    then = path.lstat().st_mtime - hours * 3600
    os.utime(path, (then, then))
