"""The digest store on local disk: real files, real kills, a really full disk."""

import errno
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from portal.common import storage

ROOT = Path(__file__).resolve().parents[2]

ENDLESS_WRITER = """
import os, sys, tempfile
from pathlib import Path
import django; django.setup()
from portal.common import storage
with tempfile.TemporaryDirectory() as folder:
    source = Path(folder) / "source"
    print("ready", flush=True)
    while True:
        source.write_bytes(os.urandom(3_000_000))
        print(storage.put(source)[0], flush=True)
"""


@pytest.fixture
def store(tmp_path, settings) -> Path:
    """Where the blobs of this test lie."""
    location = tmp_path / "blobs"
    settings.STORAGES = {
        **settings.STORAGES,
        "blobs": {
            "BACKEND": "portal.common.storage.DigestFileStorage",
            "OPTIONS": {"location": str(location)},
        },
    }
    return location


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "source.txt"
    path.write_bytes(b"what an author uploaded")
    return path


def stored(location: Path) -> list[Path]:
    return sorted(path for path in location.rglob("*") if path.is_file())


def test_put_keeps_the_bytes_under_their_digest(store, source):
    digest, size = storage.put(source)

    path = store / digest[:2] / digest[2:4] / digest
    assert digest == hashlib.sha256(b"what an author uploaded").hexdigest()
    assert size == 23
    assert path.read_bytes() == b"what an author uploaded"


def test_put_keeps_the_same_bytes_once(store, source, tmp_path):
    twin = tmp_path / "another name.csv"
    twin.write_bytes(source.read_bytes())

    assert storage.put(source) == storage.put(twin)
    assert len(stored(store)) == 1


def test_put_of_nothing_is_a_file_of_no_bytes(store, tmp_path):
    empty = tmp_path / "empty"
    empty.touch()

    digest, size = storage.put(empty)

    assert size == 0
    assert storage.is_whole(digest)


def test_put_repairs_a_file_of_the_wrong_size(store, source):
    digest, _ = storage.put(source)
    stored(store)[0].write_bytes(b"cut of")

    storage.put(source)

    assert storage.is_whole(digest)


def test_put_again_makes_an_old_file_young(store, source):
    storage.put(source)
    old = time.time() - 13 * 3600
    os.utime(stored(store)[0], (old, old))

    storage.put(source)

    assert stored(store)[0].stat().st_mtime > old + 3600


@pytest.mark.parametrize("damage", [b"what an author uploadeD", b"", b"what an author uploaded "])
def test_is_whole_sees_damage(store, source, damage):
    digest, _ = storage.put(source)
    whole = storage.is_whole(digest)

    stored(store)[0].write_bytes(damage)

    assert whole
    assert not storage.is_whole(digest)


def test_is_whole_of_a_lost_file_is_false(store, source):
    digest, _ = storage.put(source)
    stored(store)[0].unlink()

    assert not storage.is_whole(digest)
    with pytest.raises(FileNotFoundError):
        storage.open_blob(digest)


def test_copy_blob_makes_the_folders_it_needs(store, source, tmp_path):
    digest, _ = storage.put(source)

    storage.copy_blob(digest, tmp_path / "a" / "b" / "copy.txt")

    assert (tmp_path / "a" / "b" / "copy.txt").read_bytes() == b"what an author uploaded"


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "ab/../../outside"])
def test_save_refuses_names_that_leave_the_store(store, tmp_path, name):
    with pytest.raises(Exception, match=r"(?i)path|dangerous|traversal|located outside"):
        storages["blobs"].save(name, ContentFile(b"x"))

    assert not (tmp_path / "outside").exists()
    assert stored(store) == []


def test_storage_answers_as_django_promises(store):
    disk = storages["blobs"]
    name = disk.save("ab/cd/file", ContentFile(b"12345"))

    with disk.open(name) as stream:
        content = stream.read()
    listed = disk.listdir("ab/cd")
    facts = (disk.exists(name), disk.size(name), disk.exists("ab/cd/other"))
    disk.delete(name)

    assert name == "ab/cd/file"
    assert content == b"12345"
    assert listed == ([], ["file"])
    assert facts == (True, 5, False)
    assert not disk.exists(name)


def test_abandoned_temporary_files_are_those_older_than_a_day(store, source):
    digest, _ = storage.put(source)
    folder = store / digest[:2] / digest[2:4]
    old, young = folder / ".x.1.tmp", folder / ".x.2.tmp"
    for path in (old, young):
        path.touch()
    os.utime(old, (time.time() - 25 * 3600,) * 2)

    assert list(storage.abandoned_temporary_files()) == [old]


@pytest.mark.slow
def test_put_killed_at_any_moment_leaves_no_partial_file(tmp_path):
    environment = {
        **os.environ,
        "BROADSHEET_DATA_DIR": str(tmp_path),
        "BROADSHEET_S3_BUCKET": "",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }
    dice = random.Random(20261116)
    promised: list[str] = []
    for _ in range(12):
        writer = subprocess.Popen(
            [sys.executable, "-c", ENDLESS_WRITER],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        with writer:
            writer.stdout.readline()
            time.sleep(dice.uniform(0.0, 0.12))
            writer.kill()
            promised += [line.strip() for line in writer.stdout if len(line.strip()) == 64]
        assert writer.returncode == -signal.SIGKILL

    final = {path.name: path for path in stored(tmp_path / "blobs") if path.suffix != ".tmp"}
    assert set(promised) <= set(final)
    assert all(
        hashlib.sha256(path.read_bytes()).hexdigest() == name for name, path in final.items()
    )


def test_put_on_a_full_disk_says_so_and_leaves_nothing(settings, tmp_path):
    disk = tmp_path / "small"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount a small disk")
    try:
        settings.STORAGES = {
            **settings.STORAGES,
            "blobs": {
                "BACKEND": "portal.common.storage.DigestFileStorage",
                "OPTIONS": {"location": str(disk)},
            },
        }
        large = tmp_path / "large"
        large.write_bytes(os.urandom(1_000_000))
        small = tmp_path / "small.txt"
        small.write_bytes(b"fits")

        with pytest.raises(storage.OutOfSpace):
            storage.put(large)
        left = stored(disk)
        storage.put(small)

        assert left == []
        assert len(stored(disk)) == 1
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_put_where_it_may_not_write_is_not_called_a_full_disk(store, source):
    store.write_bytes(b"a file where the folder should be")

    with pytest.raises(OSError) as caught:  # noqa: PT011  the errno is checked below
        storage.put(source)

    assert caught.value.errno in {errno.ENOTDIR, errno.EEXIST}
