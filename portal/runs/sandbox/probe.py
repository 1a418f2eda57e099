"""Runs behind the walls and tries what they must keep from it; prints the first thing that is wrong.

Given to the interpreter as text, so that it needs no file of ours inside:

    python -I -c PROBE '{"writable": [...], "secret": [...], "read_only": [...], "token": "", "pid": 0, "port": 0}'
"""

import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path


def spills(writable: list[str], secret: list[str], read_only: list[str]) -> Iterator[str]:
    """What is wrong with files."""
    for folder in writable:
        if not _can_write(folder):
            yield f"code could not write into its own folder {folder}"
    for path in secret:
        if _can_read(path):
            yield f"code could read {path}"
    for folder in read_only:
        if _can_write(folder):
            yield f"code could write into {folder}"


def leaks(token: str, pid: int, port: int) -> Iterator[str]:
    """What is wrong with processes and network; empty token, pid 0 and port 0 are not tried."""
    if token and any(token.encode() in _environment(folder) for folder in _processes()):
        yield "code could read the environment of another process"
    if pid and _can_signal(pid):
        yield "code could send signals to other processes"
    if port and _can_connect(port):
        yield "code without network could reach a port of this machine"


def _can_write(folder: str) -> bool:
    path = Path(folder, ".probe")
    try:
        path.touch()
        path.unlink()
    except OSError:
        return False
    return True


def _can_read(path: str) -> bool:
    try:
        Path(path).open("rb").close()
    except OSError:
        return False
    return True


def _processes() -> list[Path]:
    try:
        return [folder for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    except OSError:
        return []


def _environment(folder: Path) -> bytes:
    try:
        return (folder / "environ").read_bytes()
    except OSError:
        return b""


def _can_signal(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _can_connect(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    files = {name: given[name] for name in ("writable", "secret", "read_only")}
    found = [*spills(**files), *leaks(given["token"], given["pid"], given["port"])]
    sys.stdout.write(found[0] if found else "good")
