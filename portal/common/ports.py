"""Which loopback addresses a port can be bound on, and who has it already."""

import contextlib
import errno
import socket
from pathlib import Path

LOOPBACKS = {"127.0.0.1": socket.AF_INET, "::1": socket.AF_INET6}
_LISTENING = "0A"  # TCP_LISTEN in /proc/net/tcp, see proc(5)


class PortUnusable(Exception):
    """The portal cannot listen there; the message says why, and who does, where that can be known."""


def loopback_addresses(port: int) -> list[str]:
    """`127.0.0.1:8000`, and `[::1]:8000` where the machine has it: browsers try it first for localhost.

    :raises PortUnusable: when one of them is taken, or not for us to take.
    """
    addresses = []
    for host, family in LOOPBACKS.items():
        try:
            socket.create_server((host, port), family=family).close()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortUnusable(f"Port {port} is in use{_by_whom(port)}.") from None
            if error.errno == errno.EACCES:
                raise PortUnusable(f"Port {port} is for administrators only.") from None
            continue  # no IPv6 on this machine
        addresses.append(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    return addresses


def _by_whom(port: int) -> str:
    """` by nginx (process 812)`, or nothing when /proc does not tell us."""
    inodes = _listening_sockets(port)
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):  # not ours to read, or gone
            if str(handle.readlink()) in inodes:
                process = handle.parent.parent
                name = (process / "comm").read_text().strip()
                return f" by {name} (process {process.name})"
    return ""


def _listening_sockets(port: int) -> set[str]:
    """`socket:[inode]` of everything that listens on the port."""
    found = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        with contextlib.suppress(OSError):
            for row in table.read_text().splitlines()[1:]:
                fields = row.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{fields[9]}]")
    return found
