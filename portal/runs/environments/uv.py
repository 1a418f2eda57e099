"""Calling `uv`, which resolves and installs packages. It is given the package index, and nothing else of ours."""

import functools
import os
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from portal.runs.errors import BundleError, PlatformError

BOOT = (  # becomes uv, and is killed when we are; a preexec_fn is not for processes with threads
    "import os, sys; sys.path.insert(0, sys.argv[1]); "
    "from portal.common.processes import die_with_parent; die_with_parent(); "
    "os.execv(sys.argv[2], sys.argv[2:])"
)
LOOK_SECONDS = 0.2
WORDS_KEPT = 20_000  # characters of what uv said, from the end
UNSAID = (" + ", "Using ")  # every package that was installed; which Python, which we say ourselves
CHECKED = (
    "--only-binary",
    ":all:",
)  # a source distribution would run its code while it is installed
_PASSED_ON = {
    "PATH", "HOME", "LANG", "NETRC", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_CLIENT_CERT",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
}  # fmt: skip
_INDEX = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_CONFIG_FILE")  # fmt: skip


class UvFailed(Exception):
    """It ended with an error; `words` is what it said."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def _nothing(*_: object) -> None:
    """Nobody listens, and nothing is to be checked."""


@dataclass(frozen=True)
class Meanwhile:
    """What its caller does while uv works: hear lines, and check several times a second whether to go on.

    `check` raises whatever ends the work.
    """

    say: Callable[[str], object] = _nothing
    check: Callable[[], object] = _nothing


ALONE = Meanwhile()


def call(arguments: Sequence[str], *, folder: Path, meanwhile: Meanwhile = ALONE) -> str:
    """What uv printed, both streams. Its process ends with this one.

    :raises UvFailed: when it ends with an error.
    :raises BundleError: when it takes longer than `ENVIRONMENT_SECONDS`.
    :raises PlatformError: when uv is not installed.
    """
    process = subprocess.Popen(  # noqa: S603  arguments are ours; the author's part is in files
        [sys.executable, "-I", "-S", "-c", BOOT, str(settings.BASE_DIR), executable(), *arguments],
        cwd=folder,
        env=environment(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        words = _listen(process, meanwhile)
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise UvFailed(words.strip())
    return words


def executable() -> str:
    """The uv that setting up installed, else the one on PATH.

    :raises PlatformError: when there is none.
    """
    ours = Path(sys.prefix) / "uv" / "bin" / "uv"
    found = str(ours) if ours.is_file() else shutil.which("uv")
    if found is None:
        raise PlatformError(
            "This worker has no uv, which builds environments. Install it: python3 tools/setup.py, or "
            "pip install uv."
        )
    return found


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """What uv gets of our environment: where the index is and how to reach it. Never given to a run."""
    kept = {
        name: value
        for name, value in ours.items()
        if name.upper() in _PASSED_ON or name.startswith("UV_")
    }
    index = ours.get("PIP_INDEX_URL") or _index_of_pip()
    if index:
        kept.setdefault("UV_DEFAULT_INDEX", index)
    if "UV_CONFIG_FILE" not in kept:
        kept["UV_NO_CONFIG"] = "1"  # a bundle's uv.toml or [tool.uv] must not name another index
    path = os.pathsep.join([*settings.PYTHON_FOLDERS, kept.get("PATH", os.defpath)])
    return kept | {
        "PATH": path,
        "UV_CACHE_DIR": str(settings.DATA_DIR / "uv-cache"),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
        "NO_COLOR": "1",
    }


def index_settings() -> str:
    """The settings that decide where packages come from, as a text to be hashed."""
    given = environment(os.environ)
    return "\n".join(f"{name}={given[name]}" for name in _INDEX if name in given)


@functools.cache
def _index_of_pip() -> str:
    """The package index in pip's configuration files, which uv does not read; empty when there is none."""
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return asked.stdout.decode().strip()


def _listen(process: "subprocess.Popen[bytes]", meanwhile: Meanwhile) -> str:
    assert process.stdout is not None  # PIPE was asked for
    deadline = time.monotonic() + settings.ENVIRONMENT_SECONDS
    words, unsaid = "", ""
    with selectors.DefaultSelector() as pipes, process.stdout as stream:
        pipes.register(stream, selectors.EVENT_READ)
        while True:
            meanwhile.check()
            if time.monotonic() > deadline:
                raise BundleError(
                    f"Preparing the environment took more than {settings.ENVIRONMENT_SECONDS} seconds. "
                    "Ask for fewer packages."
                )
            if not pipes.select(LOOK_SECONDS):
                continue
            piece = os.read(stream.fileno(), 1 << 16).decode("utf-8", "replace")
            words = (words + piece)[-WORDS_KEPT:]
            *lines, unsaid = (unsaid + piece).split("\n")
            for line in lines:
                if line.strip() and not line.startswith(UNSAID):
                    meanwhile.say(line)
            if not piece:
                break
    process.wait()
    return words
