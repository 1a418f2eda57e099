"""Sending to an address that a person typed, without letting it lead to what only this machine can reach.

The name is resolved once; every address it has must be a public one; the connection goes to the address that
was looked at, so that a name cannot mean another one a moment later (DNS rebinding). Redirects are not
followed and proxies of the environment are not asked. Hosts that the operator names are let through.

Server-side request forgery: https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import SplitResult, urlsplit

from portal.common.text import one_line

PORTS = {"http": 80, "https": 443}
SECONDS = 10.0  # for everything together, but looking up the name
KEPT = 200  # characters of an answer
LONGEST_URL = 500
_NUMERIC = re.compile(
    r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE
)  # WHATWG URL, "ends in a number checker"
_EMBEDS_IPV4 = (
    ipaddress.ip_network("64:ff9b::/96"),  # NAT64, RFC 6052
    ipaddress.ip_network("64:ff9b:1::/48"),  # local NAT64, RFC 8215
    ipaddress.ip_network("2002::/16"),  # 6to4, RFC 3056
    ipaddress.ip_network("2001::/32"),  # Teredo, RFC 4380
    ipaddress.ip_network("::/96"),  # IPv4-compatible, RFC 4291; unspecified and loopback too
)

Address = tuple[int, str]  # family, and the address in figures
Resolve = Callable[[str, int], list[Address]]


class NotAllowed(Exception):
    """The address is not one to send to; the message says why."""


class Unreachable(Exception):
    """Nobody answered, or not in time, or not in HTTP."""


@dataclass(frozen=True)
class Answer:
    """The status, and the beginning of what was said."""

    status: int
    text: str

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


def resolve(host: str, port: int) -> list[Address]:
    """Every address of the name.

    :raises Unreachable: when it has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"The name {host} cannot be looked up: {error}.") from error
    return list(dict.fromkeys((int(family), str(place[0])) for family, _, _, _, place in found))


def check_url(url: str) -> SplitResult:
    """
    :raises NotAllowed: when it is not a plain http or https address of a host.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise NotAllowed(f"This is not an address: {error}.") from error
    if any(ord(letter) <= 32 or ord(letter) > 126 for letter in url) or len(url) > LONGEST_URL:
        raise NotAllowed(
            f"An address has no spaces, only ASCII and at most {LONGEST_URL} characters."
        )
    if parts.scheme not in PORTS or not parts.hostname or port == 0:
        raise NotAllowed("An address begins with https:// or http:// and names a host.")
    if "@" in parts.netloc or "\\" in url:
        raise NotAllowed("An address must not hold a user name, a password or a backslash.")
    _check_spelling(parts.hostname)
    return parts


def check_place(url: str, *, allowed: Collection[str] = ()) -> None:
    """Refuse what is not public whatever names mean by then: addresses in digits, and this machine. Asks nobody.

    :raises NotAllowed: when nothing will ever be sent there.
    """
    parts = check_url(url)
    host = str(parts.hostname).rstrip(".")
    if _is_allowed(parts, allowed):
        return
    if host == "localhost" or host.endswith(".localhost"):
        raise _not_public(host, "127.0.0.1")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return  # a name
    _check_address(host, host)


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allowed: Collection[str] = (),
    resolver: Resolve = resolve,
    seconds: float = SECONDS,
) -> Answer:
    """Send the body there and return the answer, whatever its status.

    :param allowed: `host` or `host:port` that may be anywhere, as the operator says.
    :raises NotAllowed: when the address is not one to send to.
    :raises Unreachable: when nobody answered in time.
    """
    parts = check_url(url)
    host, port = str(parts.hostname), parts.port or PORTS[parts.scheme]
    addresses = resolver(host, port)
    if not _is_allowed(parts, allowed):
        for _, address in addresses:
            _check_address(host, address)
    until = time.monotonic() + seconds
    connection = _Pinned(host, port, addresses, is_secure=parts.scheme == "https", until=until)
    try:
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        connection.request("POST", path, body=body, headers=dict(headers))
        return _answer(connection.getresponse())
    except (OSError, HTTPException, ValueError) as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()


class _Pinned(HTTPConnection):
    """A connection to one of the addresses that were looked at, whatever the name means by now.

    It is cut off at its time: a timeout of the socket would begin anew with every byte.
    """

    def __init__(
        self, host: str, port: int, addresses: list[Address], *, is_secure: bool, until: float
    ) -> None:
        super().__init__(host, port)
        self.default_port = PORTS["https" if is_secure else "http"]  # left out of the Host header
        self._addresses, self._is_secure, self._until = addresses, is_secure, until
        self._timer = threading.Timer(max(0.0, until - time.monotonic()), self._cut_off)

    def connect(self) -> None:
        self.sock = self._connected()
        self._timer.start()
        if self._is_secure:
            context = ssl.create_default_context()
            secure = context.wrap_socket(
                self.sock, server_hostname=self.host, do_handshake_on_connect=False
            )
            self.sock = secure
            secure.do_handshake()

    def close(self) -> None:
        self._timer.cancel()
        super().close()

    def _connected(self) -> socket.socket:
        error: OSError = OSError("the name has no address")
        for _, address in self._addresses:
            left = max(0.1, self._until - time.monotonic())
            try:
                return socket.create_connection((address, self.port), timeout=left)
            except OSError as refused:
                error = refused
        raise error

    def _cut_off(self) -> None:
        try:
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
        except OSError:
            return  # it is closed already


def _answer(response: HTTPResponse) -> Answer:
    text = response.read(4 * KEPT).decode("utf-8", "replace")
    return Answer(response.status, one_line(text, length=4 * KEPT)[:KEPT])


def _is_allowed(parts: SplitResult, allowed: Collection[str]) -> bool:
    host, port = str(parts.hostname), parts.port or PORTS[parts.scheme]
    return bool({host, f"{host}:{port}"} & set(allowed))


def _check_spelling(host: str) -> None:
    """Refuse numbers that are no address as people write it: 2130706433, 0x7f.1, 0177.0.0.1, fe80::1%eth0."""
    if ":" in host:
        if "%" in host:
            raise NotAllowed("An address must not name a network interface.")
        return
    last = host.rstrip(".").rpartition(".")[2]
    if not _NUMERIC.fullmatch(last):
        return
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        raise NotAllowed(f"{host} is an odd spelling of an address; write it plainly.") from None


def _check_address(host: str, address: str) -> None:
    place = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(place, ipaddress.IPv6Address):
        if place.ipv4_mapped is not None:
            place = place.ipv4_mapped
        elif place.is_site_local or any(place in network for network in _EMBEDS_IPV4):
            raise _not_public(host, address)
    if not place.is_global or place.is_multicast or place.is_reserved:
        raise _not_public(host, address)


def _not_public(host: str, address: str) -> NotAllowed:
    what = f"{host} is" if host == address else f"{host} is at {address}, which is"
    return NotAllowed(
        f"{what} not a public address, so nothing is sent there. "
        "An admin of the server can allow the host in BROADSHEET_WEBHOOK_ALLOWED_HOSTS."
    )
