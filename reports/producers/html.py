"""Web pages: shown as they are, in their sandbox, with one script of ours before everything else.

Pages that would load MathJax from another site, where readers load nothing from, also get our KaTeX.
"""

import html
import re
import shutil
from pathlib import Path
from typing import Any

from portal.common.refusals import Refused
from portal.publishing import shell
from portal.publishing.formats import Produced

JSON = Any

SANDBOX_SCRIPT = b'<script src="/static/content/sandbox.js"></script>'
# The libraries are not deferred: before the page's own scripts there is no AMD loader that they could meet.
FORMULAS = "".join(
    [
        *(f'<link rel="stylesheet" href="{style}">' for style in shell.MATH_STYLES),
        *(f'<script src="{script}"></script>' for script in shell.FORMULA_LIBRARIES),
        f'<script src="{shell.FORMULA_SCRIPT}" defer></script>',
    ]
).encode()
HEAD_BYTES = 256_000  # where title and description are looked for

_SUFFIXES = (".html", ".htm")
_NOT_ASCII = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
_MARKUP = rb"""(?:[^>"']|"[^"]*+"|'[^']*+')*+>"""
# What may stand before <head> without opening the body (HTML standard, 13.2.6.4.1 to 13.2.6.4.3).
_PROLOGUE = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:\s++|<!--.*?-->|<\?[^>]*+>|<!doctype[^>]*+>)*+"
    rb"(?:<html(?=[\s>/])" + _MARKUP + rb")?+(?:\s++|<!--.*?-->)*+"
    rb"(?:<head(?=[\s>/])" + _MARKUP + rb")?+",
    re.IGNORECASE | re.DOTALL,
)
# MathJax by an absolute address, as pandoc, nbconvert and Plotly (a script element), rmarkdown and Quarto
# (`script.src = `) and slides of reveal.js (`mathjax: `) ask for it; not as BokehJS may (`t.src=`), whose
# labels KaTeX cannot draw.
_MATHJAX = re.compile(
    rb"""(?:<script\b[^<>]{0,400}?\ssrc|\bscript\.src|\bmathjax)\s{0,9}[=:]\s{0,9}["']?"""
    rb"""(?:\w{1,9}:/)?/[^"'<>\s]{0,300}mathjax""",
    re.IGNORECASE,
)
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{0,2000})", re.IGNORECASE)
_DESCRIPTION = re.compile(
    r"""<meta\s+name=["']?description["']?\s+content=(?:"([^"<>]{0,4000})"|'([^'<>]{0,4000})')""",
    re.IGNORECASE,
)


def inspect(bundle: Path, entry: str) -> dict[str, JSON]:
    """`{"title", "summary"}` as the page says. Refused: unreadable_file when it is blank."""
    head = _head(bundle / entry)
    if not head.strip():
        raise Refused("unreadable_file", "The page is blank.")
    title, description = _TITLE.search(head), _DESCRIPTION.search(head)
    return {
        "title": html.unescape(title[1]).strip() if title else "",
        "summary": html.unescape(description[1] or description[2]).strip() if description else "",
    }


def render(bundle: Path, entry: str, output: Path) -> Produced:
    """The whole bundle, byte for byte, but for scripts of ours at the start of its pages."""
    for source in sorted(path for path in bundle.rglob("*") if _is_content(path, bundle)):
        target = output / source.relative_to(bundle)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix.lower() in _SUFFIXES:
            target.write_bytes(with_our_scripts(source.read_bytes()))
        else:
            shutil.copyfile(source, target)
    facts = inspect(bundle, entry)
    return Produced(entry, title=facts["title"], summary=facts["summary"])


def with_our_scripts(page: bytes) -> bytes:
    """The page with our scripts as the first things in its head; unchanged where bytes are not ASCII."""
    if page.startswith(_NOT_ASCII) or b"\0" in page[:64]:
        return page
    prologue = _PROLOGUE.match(page)
    place = prologue.end() if prologue else 0
    ours = SANDBOX_SCRIPT + (FORMULAS if _MATHJAX.search(page) else b"")
    return page[:place] + ours + page[place:]


def _is_content(path: Path, bundle: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(bundle).parts)
    return path.is_file() and not path.is_symlink() and not hidden


def _head(path: Path) -> str:
    with path.open("rb") as stream:
        start = stream.read(HEAD_BYTES)
    encoding = "utf-16" if start.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    return start.decode(encoding, "replace")
