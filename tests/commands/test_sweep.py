from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from portal.common import storage
from portal.publishing import upkeep
from portal.runs.environments import builds, pins
from portal.runs.models import Environment
from tests.commands.conftest import age


@pytest.fixture
def unused(tmp_path, stored) -> Path:
    """A stored file that nothing names, two days old."""
    source = tmp_path / "refused.csv"
    source.write_bytes(b"an upload that was refused")
    digest, _ = storage.put(source)
    path = next(path for path in stored() if path.name == digest)
    age(path, hours=48)
    return path


def test_sweep_lists_and_deletes_nothing_unless_told(manage, unused):
    answer = manage("sweep")

    assert answer.code == 0
    assert unused.name in answer.out
    assert "add --delete" in answer.out
    assert unused.exists()


def test_sweep_delete_removes_what_nothing_names(manage, unused):
    answer = manage("sweep", "--delete")

    assert "0 temporary and 1 unused files. Deleted." in answer.out
    assert not unused.exists()


def test_sweep_delete_keeps_what_an_edition_or_bundle_names(manage, alice, page, stored):
    manage("publish", page, "--slug=sales", "--by=alice")
    for path in stored():
        age(path, hours=48)

    manage("sweep", "--delete")

    assert manage("verify").code == 0
    assert stored()


def test_sweep_delete_keeps_what_is_young(manage, unused):
    age(unused, hours=-47)

    manage("sweep", "--delete")

    assert unused.exists()


def test_sweep_keeps_what_was_put_again_since_it_was_listed(manage, unused):
    now = timezone.now()
    listed = list(upkeep.unused_blobs(now))
    age(unused, hours=-48)

    deleted = [upkeep.delete_unused(blob, now) for blob in listed]

    assert deleted == [False]
    assert unused.exists()


def test_sweep_delete_removes_leavings_of_killed_processes(manage, unused, settings):
    half = unused.parent / f".{unused.name}.0123.tmp"
    half.write_bytes(b"ha")
    folder = settings.SCRATCH_DIR / "upload-killed"
    folder.mkdir()
    (folder / "file").write_bytes(b"x")
    young = settings.SCRATCH_DIR / "upload-running"
    young.mkdir()
    for path in (half, folder):
        age(path, hours=25)

    answer = manage("sweep", "--delete")

    assert "2 temporary" in answer.out
    assert not half.exists()
    assert not folder.exists()
    assert young.exists()


def test_unused_after_is_longer_than_the_renewal_of_blobs():
    assert timedelta(seconds=storage.RENEW_SECONDS) < upkeep.UNUSED_AFTER


def test_sweep_delete_removes_environments_that_no_version_needs(manage, db, settings, tmp_path):
    settings.ENVIRONMENTS_DIR = tmp_path / "environments"
    long_ago = timezone.now() - timedelta(days=3)
    old = pins.record("", "3.11")
    Environment.objects.update(state="ready", built_at=long_ago, used_at=long_ago)
    half = settings.ENVIRONMENTS_DIR / ".half"
    for folder in (builds.folder_of(old), half):
        (folder / "bin").mkdir(parents=True)
        builds.make_read_only(folder)
    age(half, hours=48)

    listed = manage("sweep")
    answer = manage("sweep", "--delete")

    assert f"environment  {old.key}" in listed.out
    assert "1 temporary and 0 unused files and 1 unused environments. Deleted." in answer.out
    assert list(settings.ENVIRONMENTS_DIR.iterdir()) == []
