"""The guide for authors knows every code by which files and actions are refused."""

import re
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
CODE = re.compile(r'(?:Refused\(\s*|^    code = )"([a-z_]+)"', re.MULTILINE)


def test_guides_name_every_code() -> None:
    sources = [
        source
        for room in ("portal", "reports", "visualizations", "registry")
        for source in (ROOT / room).rglob("*.py")
    ]
    guides = [ROOT / "docs" / name for name in ("author.md", "api.md")]
    guide = "".join(path.read_text("utf-8") for path in guides)

    codes = {code for source in sources for code in CODE.findall(source.read_text("utf-8"))}

    assert len(codes) > 30
    assert {code for code in codes if f"`{code}`" not in guide} == set()
