"""What a tree of processes uses: disk."""

import os
from pathlib import Path

from portal.runs.sandbox.usage import disk_bytes, usage_of


def test_disk_counts_every_folder_below_and_follows_no_link(tmp_path: Path) -> None:
    elsewhere, counted = tmp_path / "elsewhere", tmp_path / "counted"
    for folder in (elsewhere, counted / "deep"):
        folder.mkdir(parents=True)
    (elsewhere / "large").write_bytes(bytes(1_000_000))
    (counted / "deep" / "file").write_bytes(bytes(50_000))
    (counted / "link").symlink_to(elsewhere)

    assert 50_000 <= disk_bytes([counted]) < 500_000


def test_disk_of_a_folder_that_is_not_there_is_nothing(tmp_path: Path) -> None:
    assert disk_bytes([tmp_path / "gone"]) == 0


def test_usage_of_ourselves_has_memory_and_a_thread() -> None:
    usage = usage_of(os.getpid())

    assert usage.resident_mb > 5
    assert usage.threads >= 1
