"""Reports written in Markdown, and R Markdown as it was written (its code is not run)."""

from html import escape
from pathlib import Path
from typing import Any

from portal.publishing import markup, shell
from portal.publishing.companions import Companions
from portal.publishing.formats import Produced, Refused
from portal.publishing.markup import Rendered

JSON = Any

SIZE_LIMIT = 5_000_000  # bytes: a thousand pages of text
PAGE = "index.html"
_SUMMARY_NAMES = ("summary", "description", "tldr", "abstract")


def inspect(bundle: Path, entry: str) -> dict[str, JSON]:
    """Refused: not_text, file_too_large."""
    return _facts(markup.render(_read(bundle / entry)))


def render(bundle: Path, entry: str, output: Path) -> Produced:
    rendered = markup.render(_read(bundle / entry), resolve=Companions(bundle, entry, output))
    facts = _facts(rendered)
    page = shell.page(
        facts["title"] or Path(entry).name,
        _body(rendered, entry),
        styles=shell.MATH_STYLES if rendered.has_math else (),
        scripts=shell.MATH_SCRIPTS if rendered.has_math else (),
    )
    (output / PAGE).write_text(page, encoding="utf-8")
    return Produced(entry=PAGE, title=facts["title"], summary=facts["summary"], facts=facts)


def _read(path: Path) -> str:
    if path.stat().st_size > SIZE_LIMIT:
        raise Refused(
            "file_too_large",
            f"This text has more than {SIZE_LIMIT / 1e6:.0f} MB. Split it into several reports.",
        )
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused("not_text", "This file is not text in UTF-8. Save it as UTF-8.") from None


def _facts(rendered: Rendered) -> dict[str, JSON]:
    front = rendered.front
    summary = next((front[name] for name in _SUMMARY_NAMES if name in front), "")
    return {
        "title": _words(front.get("title")) or rendered.title,
        "summary": _words(summary),
        "pictures_left_out": rendered.pictures_left_out,
    }


def _words(value: JSON) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _body(rendered: Rendered, entry: str) -> str:
    parts = [_front(rendered), rendered.html]
    if entry.lower().endswith(".rmd"):
        parts.insert(1, _note("The source of an R Markdown report: its code was not run here."))
    if not rendered.html.strip():
        parts.append(_note("This file has no text that can be shown."))
    if count := rendered.pictures_left_out:
        pictures = "One picture is" if count == 1 else f"{count} pictures are"
        parts.append(
            _note(
                f"{pictures} not shown: not uploaded with this page, or kept on another site. "
                "Pages here load nothing from elsewhere."
            )
        )
    return f'<article class="prose">{"".join(parts)}</article>'


def _front(rendered: Rendered) -> str:
    """Title and byline of the front matter, unless the text begins with that title itself."""
    front = rendered.front
    title = _words(front.get("title"))
    if title == rendered.title:
        title = ""
    authors = front.get("authors", front.get("author", ()))
    names = authors if isinstance(authors, list) else [authors]
    byline = " · ".join(filter(None, map(_words, [*names, front.get("date")])))
    heading = f"<h1>{escape(title)}</h1>" if title else ""
    return heading + (f'<p class="byline">{escape(byline)}</p>' if byline else "")


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'
