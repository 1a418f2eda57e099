from pathlib import Path

import pytest

from portal.publishing.companions import Companions


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    bundle = tmp_path / "bundle"
    (bundle / "docs" / "img").mkdir(parents=True)
    (bundle / "docs" / "img" / "a plot.png").write_bytes(b"picture")
    (bundle / "secret.png").write_bytes(b"above the page")
    (bundle / "docs" / "run.py").write_text("code")
    (bundle / "docs" / "link.png").symlink_to("/etc/hostname")
    return bundle


def test_picture_beside_the_page_comes_along(bundle: Path, tmp_path: Path) -> None:
    companions = Companions(bundle, "docs/page.md", tmp_path / "out")

    address = companions("img/a%20plot.png?v=2#top")

    assert address == "img/a%20plot.png"
    assert (tmp_path / "out" / "img" / "a plot.png").read_bytes() == b"picture"


@pytest.mark.parametrize(
    "address",
    [
        "img/missing.png",
        "../secret.png",
        "%2e%2e/secret.png",
        "/etc/passwd",
        "file:///etc/passwd",
        "//example.com/a.png",
        "run.py",
        "link.png",
        "a\0.png",
        "x" * 5000 + ".png",
        "",
        "http://[broken.png",
    ],
)
def test_anything_else_stays_behind(bundle: Path, tmp_path: Path, address: str) -> None:
    companions = Companions(bundle, "docs/page.md", tmp_path / "out")

    assert companions(address) is None
    assert not (tmp_path / "out").exists()
