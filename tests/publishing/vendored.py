"""The libraries below static/vendor/, as tests look at them."""

from pathlib import Path

STATIC = Path(__file__).resolve().parents[2] / "static"


def static_file(address: str) -> Path:
    """The file behind an address that a page names: /static/vendor/...

    :raises AssertionError: when there is no such file.
    """
    assert address.startswith("/static/")
    path = STATIC / address.removeprefix("/static/")
    assert path.is_file(), f"{address} is not there"
    return path
