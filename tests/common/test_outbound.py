"""What a person typed leads to public addresses alone."""

import socket
import time

import pytest

from portal.common import outbound
from portal.common.outbound import NotAllowed, Unreachable
from tests.notifications.servers import Program, serving

V4, V6 = int(socket.AF_INET), int(socket.AF_INET6)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "//example.com/",
        "https://",
        "https:///path",
        "https://user:password@example.com/",
        "https://example.com@127.0.0.1/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com/\r\nHost: other",
        "https://exa mple.com/",
        "https://example.com\\@127.0.0.1/",
        "https://exämple.com/",
        "http://2130706433/",  # decimal
        "http://0x7f000001/",  # hexadecimal
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",  # octal
        "http://127.1/",
        "http://127.0.0.0x1/",
        "http://134744072/",  # of a public one: still odd
        "http://[fe80::1%25eth0]/",
        "https://example.com/" + "x" * 500,
    ],
)
def test_odd_address_is_refused_as_it_stands(url: str) -> None:
    with pytest.raises(NotAllowed):
        outbound.check_url(url)


@pytest.mark.parametrize(
    "url", ["https://example.com/hook?x=1", "http://example.com:8080", "http://8.8.8.8/"]
)
def test_plain_address_is_let_through(url: str) -> None:
    assert outbound.check_url(url).hostname in ("example.com", "8.8.8.8")


@pytest.mark.parametrize(
    ("family", "address"),
    [
        (V4, "127.0.0.1"),
        (V4, "127.8.8.8"),
        (V4, "0.0.0.0"),
        (V4, "10.1.2.3"),
        (V4, "172.16.0.1"),
        (V4, "192.168.1.1"),
        (V4, "169.254.169.254"),  # metadata of clouds
        (V4, "100.64.0.1"),  # carriers
        (V4, "192.0.0.1"),
        (V4, "198.18.0.1"),
        (V4, "224.0.0.1"),
        (V4, "240.0.0.1"),
        (V4, "255.255.255.255"),
        (V6, "::"),
        (V6, "::1"),
        (V6, "::127.0.0.1"),
        (V6, "::ffff:127.0.0.1"),
        (V6, "::ffff:a9fe:a9fe"),
        (V6, "64:ff9b::7f00:1"),
        (V6, "2002:7f00:1::"),
        (V6, "2001:0:7f00:1::"),
        (V6, "fe80::1"),
        (V6, "fe80::1%eth0"),
        (V6, "fc00::1"),
        (V6, "fec0::1"),  # site-local, RFC 3879
        (V6, "fd00:ec2::254"),
        (V6, "ff02::1"),
        (V6, "2001:db8::1"),
    ],
)
def test_name_of_an_inner_address_is_refused(family: int, address: str) -> None:
    with pytest.raises(NotAllowed, match="not a public address"):
        outbound.post("https://example.com/", b"", {}, resolver=lambda *_: [(family, address)])


def test_name_with_one_inner_address_among_public_ones_is_refused() -> None:
    both = [(V4, "93.184.216.34"), (V4, "10.0.0.1")]

    with pytest.raises(NotAllowed, match=r"10\.0\.0\.1"):
        outbound.post("https://example.com/", b"", {}, resolver=lambda *_: both)


def test_name_that_changes_its_meaning_is_asked_once_and_pinned() -> None:
    """DNS rebinding: the first answer was looked at, and a second is never asked for."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[outbound.Address]:
        asked.append(host)
        return [(V4, "127.0.0.1")]

    with serving(Program()) as program:
        answer = outbound.post(
            f"http://hook.example:{program.server_port}/x",
            b"{}",
            {},
            allowed=["hook.example"],
            resolver=rebinding,
        )

    assert answer.status == 200
    assert asked == ["hook.example"]
    assert program.heard[0][0]["host"] == f"hook.example:{program.server_port}"


def test_loopback_is_reached_only_where_it_is_allowed() -> None:
    with serving(Program()) as program:
        with pytest.raises(NotAllowed):
            outbound.post(program.url, b"{}", {}, allowed=["127.0.0.1:1"])
        answer = outbound.post(program.url, b"{}", {}, allowed=[program.host])

    assert (answer.status, answer.text) == (200, "thanks")
    assert [headers[":path"] for headers, _ in program.heard] == ["/hook?from=broadsheet"]


def test_redirect_is_an_answer_and_is_not_followed() -> None:
    with serving(Program()) as program:
        program.status, program.headers = 302, {"Location": "http://169.254.169.254/"}
        answer = outbound.post(program.url, b"{}", {}, allowed=[program.host])

    assert answer.status == 302
    assert not answer.is_good
    assert len(program.heard) == 1


def test_answer_is_cut() -> None:
    with serving(Program()) as program:
        program.says = b"x" * 100_000
        answer = outbound.post(program.url, b"{}", {}, allowed=[program.host])

    assert answer.text == "x" * outbound.KEPT


def test_answer_that_drips_is_cut_off_at_its_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        began = time.monotonic()

        with pytest.raises(Unreachable):
            outbound.post(
                f"http://127.0.0.1:{port}/",
                b"{}",
                {},
                allowed=["127.0.0.1"],
                seconds=0.3,
            )

    assert time.monotonic() - began < 60


def test_nobody_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    with pytest.raises(Unreachable, match="refused"):
        outbound.post(f"http://127.0.0.1:{port}/", b"", {}, allowed=["127.0.0.1"])
