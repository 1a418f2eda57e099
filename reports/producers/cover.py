"""The page for files that no browser shows: what they are, and the file itself to download."""

import shutil
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from portal.publishing import shell
from portal.publishing.formats import Produced

PAGE = "index.html"


def write(
    bundle: Path,
    entry: str,
    output: Path,
    *,
    title: str,
    facts: Sequence[tuple[str, str]],
    preview: str = "",
    summary: str = "",
) -> Produced:
    """Write the page and the file. `facts` are names and values, empty values are left out; `preview`
    is markup that is safe to show."""
    file = copy_original(bundle, entry, output)
    rows = [
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in facts
        if value
    ]
    body = [
        '<article class="prose">',
        f"<h1>{escape(title)}</h1>",
        *(["<table>", *rows, "</table>"] if rows else []),
        f'<p><a href="{link(file)}" download>Download {escape(file)}</a> '
        f"({size((output / file).stat().st_size)})</p>",
        preview,
        "</article>",
    ]
    (output / PAGE).write_text(shell.page(title, "\n".join(body)), "utf-8")
    return Produced(PAGE, summary=summary)


def copy_original(bundle: Path, entry: str, output: Path) -> str:
    """Lay the author's file beside the page; returns its name there."""
    name = Path(entry).name
    shutil.copyfile(bundle / entry, output / name)
    return name


def link(name: str) -> str:
    """The address of a file beside the page, as an attribute's value."""
    return escape(quote(f"./{name}"))


def size(count: int) -> str:
    """`732 kB` for people."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3))} kB"
