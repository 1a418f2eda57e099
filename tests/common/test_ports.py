import os
import socket
from pathlib import Path

import pytest

from portal.common.ports import PortUnusable, loopback_addresses
from portal.common.redis import free_port


def test_free_port_has_an_address_to_bind() -> None:
    port = free_port()

    assert loopback_addresses(port)[0] == f"127.0.0.1:{port}"


def test_port_in_use_names_who_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        with pytest.raises(PortUnusable) as refused:
            loopback_addresses(port)

    name = Path("/proc/self/comm").read_text().strip()
    assert str(refused.value) == f"Port {port} is in use by {name} (process {os.getpid()})."


@pytest.mark.skipif(os.geteuid() == 0, reason="an administrator may listen on every port")
def test_port_for_administrators_is_refused() -> None:
    with pytest.raises(PortUnusable, match="administrators only"):
        loopback_addresses(80)
