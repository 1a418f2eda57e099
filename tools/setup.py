"""Make .venv ready with every locked package. Plain Python: runs before anything is installed.

    python3 tools/setup.py          what the portal needs
    python3 tools/setup.py --dev    and what its tests and checks need

A second run sees by the stamp in .venv that nothing changed, and does nothing. Packages come as wheels
only, checked against the hashes in the lock files: no compiler is needed, and nothing of theirs runs.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "ready"
LOCKS = {"run": ROOT / "requirements.txt", "dev": ROOT / "requirements-dev.txt"}
UV_LOCK = ROOT / "tools" / "requirements-uv.txt"
REDIS_LOCK = ROOT / "tools" / "requirements-redis.txt"
REDIS_HOME = VENV / "redis"  # where portal/common/redis.py looks
OLDEST, NEWEST = (3, 11), (3, 13)
NEEDED_MEGABYTES = 1_000

# What installers say, and what it means. The first that fits is told.
CAUSES = {
    r"No space left on device|Disk quota exceeded": "The disk is full. Free about 1 GB and run this again.",
    r"Read-only file system|Permission denied": f"{VENV} cannot be written. Make the folder yours, or clone to another place.",
    r"(?i)hash mismatch|do not match the hashes": "A downloaded package is not the one that was locked. Run this again; if it stays, the package index is not to be trusted.",
    r"(?i)certificate": "The package index shows a certificate that this machine does not trust. Behind a company proxy, set SSL_CERT_FILE to its root certificate.",
    r"(?i)name resolution|dns error|connection refused|unreachable|timed out|connection reset|no route to host|error sending request|failed to establish": "The package index cannot be reached. Check the network or the proxy; a company's own index is named by PIP_INDEX_URL.",
    r"(?i)only-binary|no (compatible|usable|matching|binary).*(wheel|distribution)|building source distributions.*disabled": f"A package has no ready-made file for this machine ({platform.system()} {platform.machine()}, Python {platform.python_version()}). Broadsheet runs on Linux and macOS, x86-64 and arm64, without a compiler.",
}


class Trouble(Exception):
    """Setting up cannot go on; the message says why and what to do."""


def main(arguments: list[str]) -> None:
    """Bring .venv to the state that the lock files describe."""
    kind = "dev" if "--dev" in arguments else "run"
    refuse_other_pythons()
    if is_ready(kind):
        return
    refuse_full_disk()
    started = time.monotonic()
    print("Setting up .venv: packages are downloaded once, this takes about a minute.", flush=True)
    make_environment()
    install(LOCKS[kind])
    STAMP.write_text(stamp(kind))
    print(f"Set up in {time.monotonic() - started:.0f} s.", flush=True)


def refuse_other_pythons() -> None:
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        raise Trouble(
            f"Broadsheet needs Python 3.11, 3.12 or 3.13; this is {platform.python_version()} "
            f"({sys.executable}). Install one of them, or name it: make run PYTHON=/path/to/python3.12"
        )


def refuse_full_disk() -> None:
    free = shutil.disk_usage(ROOT).free // 1_000_000
    if free < NEEDED_MEGABYTES:
        raise Trouble(
            f"The disk is nearly full: {free} MB free, about {NEEDED_MEGABYTES} MB are needed."
        )


def stamp(kind: str) -> str:
    """What the environment was made of: the kind, the interpreter, the locks."""
    digest = hashlib.sha256(platform.python_version().encode())
    for lock in (LOCKS[kind], UV_LOCK, REDIS_LOCK):
        digest.update(lock.read_bytes())
    return f"{kind} {digest.hexdigest()}"


def is_ready(kind: str) -> bool:
    """Everything for tests contains everything for running, so that neither undoes the other."""
    if not (STAMP.is_file() and PYTHON.exists()):
        return False
    made_of = STAMP.read_text()
    return made_of in {stamp(kind), stamp("dev")}


def make_environment() -> None:
    """A virtual environment of this interpreter's version, with pip; a usable one is kept."""
    STAMP.unlink(missing_ok=True)
    if environment_version() == platform.python_version():
        return
    try:
        import ensurepip  # noqa: F401, PLC0415 - Debian ships Python without it
        import venv  # noqa: F401, PLC0415
    except ImportError:
        raise Trouble(
            "This Python cannot make virtual environments. Install the missing part: "
            f"apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        ) from None
    run([sys.executable, "-m", "venv", "--clear", str(VENV)])


def environment_version() -> str:
    """The Python version of .venv, or nothing when it or its pip does not run."""
    ask = "import pip, platform; print(platform.python_version())"
    try:
        answer = subprocess.run(
            [str(PYTHON), "-c", ask], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
        )
    except OSError:
        return ""
    return answer.stdout.decode().strip()


def install(lock: Path) -> None:
    """By uv, which takes seconds; by pip, which takes minutes, where uv does not run."""
    pip = [str(PYTHON), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    checked = ["--require-hashes", "--only-binary", ":all:"]
    uv = install_uv([*pip, "install", "--retries", "1", *checked])
    if uv:
        sync = [*uv, "sync", "--python", str(PYTHON), "--link-mode", "copy", *checked]
        run([*sync, str(lock)])
    else:
        run([*pip, "install", "--no-deps", *checked, "--requirement", str(lock)])
    if sys.platform == "linux" and platform.machine() == "x86_64":
        redis = ["--target", str(REDIS_HOME), "--python-version", "3.12", "--no-deps", *checked]
        run([*(uv or pip), "install", *redis, "--requirement", str(REDIS_LOCK)])


def install_uv(pip_install: list[str]) -> list[str]:
    """The command line of uv's pip, outside of the environment that it will sync; empty where it does not run."""
    home = VENV / "uv"
    shutil.rmtree(home, ignore_errors=True)
    try:
        run([*pip_install, "--target", str(home), "--requirement", str(UV_LOCK)])
        run([str(home / "bin" / "uv"), "--version"])
    except Trouble as trouble:
        if "no ready-made file" in str(trouble):
            return []
        raise
    return [str(home / "bin" / "uv"), "--quiet", "pip"]


def run(command: list[str]) -> None:
    """Run an installer quietly.

    :raises Trouble: with the cause in one sentence, or the installer's own last words.
    """
    try:
        done = subprocess.run(
            command,
            env=installer_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except OSError as error:
        raise Trouble(f"{command[0]} does not run: {error.strerror}.") from None
    if done.returncode:
        raise Trouble(explain(done.stdout.decode(errors="replace")))


def installer_environment() -> dict[str, str]:
    """This environment, and pip's package index for uv too, which does not read pip's settings."""
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    index = os.environ.get("PIP_INDEX_URL") or index_of_pip()
    if index:
        environment.setdefault("UV_DEFAULT_INDEX", index)
    return environment


def index_of_pip() -> str:
    """The package index in pip's configuration files, or nothing."""
    if not PYTHON.exists():
        return ""
    asked = subprocess.run(
        [str(PYTHON), "-m", "pip", "config", "get", "global.index-url"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return asked.stdout.decode().strip()


def explain(output: str) -> str:
    """The cause in one sentence; the last lines as they were, where it is none that we know."""
    for pattern, meaning in CAUSES.items():
        if re.search(pattern, output):
            return meaning
    last = " ".join(line.strip() for line in output.splitlines()[-3:])
    return f"Setting up failed: {last}"


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Trouble as trouble:
        sys.exit(str(trouble))
    except KeyboardInterrupt:
        sys.exit(130)
