"""The script that makes .venv: what it says when it cannot, and that it does nothing twice."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tools import setup

ROOT = Path(settings.BASE_DIR)
NOWHERE = "http://127.0.0.1:1/simple"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files that setting up reads, as in a fresh clone."""
    (tmp_path / "tools").mkdir()
    for name in ("tools/setup.py", "tools/requirements-uv.txt", "tools/requirements-redis.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def run_setup(clone: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(clone / "tools" / "setup.py")],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_setup_without_network_is_one_sentence(clone: Path) -> None:
    offline = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": NOWHERE, "PIP_NO_CACHE_DIR": "1"}

    done = run_setup(clone, **offline, PIP_FIND_LINKS="", PIP_EXTRA_INDEX_URL="")

    assert done.returncode == 1
    assert done.stderr == (
        "The package index cannot be reached. Check the network or the proxy; "
        "a company's own index is named by PIP_INDEX_URL.\n"
    )
    assert not (clone / ".venv" / "ready").exists()


@pytest.mark.parametrize(("made_of", "wanted"), [("run", "run"), ("dev", "dev"), ("dev", "run")])
def test_second_setup_does_nothing(clone: Path, made_of: str, wanted: str, monkeypatch) -> None:
    _point_at(clone, monkeypatch)
    _pretend_set_up(made_of)

    assert setup.is_ready(wanted)


def test_setup_for_tests_needs_more_than_setup_for_running(clone: Path, monkeypatch) -> None:
    _point_at(clone, monkeypatch)
    _pretend_set_up("run")

    assert not setup.is_ready("dev")


@pytest.mark.parametrize("lock", ["requirements.txt", "tools/requirements-redis.txt"])
def test_changed_lock_sets_up_again(clone: Path, lock: str, monkeypatch) -> None:
    _point_at(clone, monkeypatch)
    _pretend_set_up("run")

    (clone / lock).write_text("# another lock\n")

    assert not setup.is_ready("run")


@pytest.mark.parametrize("version", [(3, 10, 13), (3, 14, 0), (2, 7, 18)])
def test_other_pythons_are_refused_with_those_that_work(version, monkeypatch) -> None:
    monkeypatch.setattr(setup.sys, "version_info", version)

    with pytest.raises(setup.Trouble, match=r"needs Python 3\.11, 3\.12 or 3\.13"):
        setup.refuse_other_pythons()


@pytest.mark.parametrize(
    ("output", "meaning"),
    [
        ("error: failed to copy: No space left on device (os error 28)", "The disk is full."),
        ("OSError: [Errno 30] Read-only file system: '/srv/.venv'", "cannot be written"),
        ("error: Hash mismatch for `django==5.2.19`", "not the one that was locked"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES FROM", "not the one that was locked"),
        ("invalid peer certificate: UnknownIssuer", "SSL_CERT_FILE"),
        ("dns error: failed to lookup address information", "cannot be reached"),
        ("[Errno -3] Temporary failure in name resolution", "cannot be reached"),
        ("pandas==3.0 has no usable wheels", "no ready-made file for this machine"),
        ("Because only-binary is set, no compatible wheel", "without a compiler"),
        ("one\ntwo\nthree\nfour", "Setting up failed: two three four"),
    ],
)
def test_explain_says_what_the_installer_meant(output: str, meaning: str) -> None:
    assert meaning in setup.explain(output)


@pytest.mark.parametrize(
    "lock",
    sorted([*ROOT.glob("requirements*.txt"), *ROOT.glob("tools/*.txt")]),
    ids=lambda p: p.name,
)
def test_lock_pins_every_package_with_a_hash(lock: Path) -> None:
    entries = lock.read_text().replace("\\\n", "").splitlines()
    packages = [line for line in entries if line and not line.lstrip().startswith("#")]

    assert packages
    assert all("==" in line and "--hash=sha256:" in line for line in packages)


def _point_at(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "STAMP", clone / "ready")
    monkeypatch.setattr(setup, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(setup, "REDIS_LOCK", clone / "tools" / "requirements-redis.txt")
    locks = {"run": clone / "requirements.txt", "dev": clone / "requirements-dev.txt"}
    monkeypatch.setattr(setup, "LOCKS", locks)


def _pretend_set_up(kind: str) -> None:
    setup.STAMP.write_text(setup.stamp(kind))
