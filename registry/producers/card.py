"""Model cards: Markdown with a head in YAML whose facts are shown, and kept for programs.

YAML is read so that a few lines cannot unfold to gigabytes (no aliases) and nothing but plain values
comes out of it; what JSON cannot hold (not-a-number, dates, keys that are no text) is put into words.
"""

import math
import re
from collections.abc import Iterator
from datetime import date
from html import escape
from pathlib import Path
from typing import Any

import yaml

from portal.common.refusals import Refused
from portal.common.text import clean, one_line
from portal.publishing import markup, shell
from portal.publishing.companions import Companions
from portal.publishing.formats import Produced

JSON = Any

PAGE = "index.html"
CARD_BYTES = 2_000_000
HEAD_CHARACTERS = 64_000
DEPTH = 12
FACTS_SHOWN = 60

_HEAD = re.compile(r"\A---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_NAMES = ("name", "model_name", "title")


def inspect(bundle: Path, entry: str) -> dict[str, JSON]:
    """`{"title", "card": {...}}`, the card's head as strict JSON. Refused: card_invalid."""
    text = _text(bundle / entry)
    card = _card(text)
    named = next((card[name] for name in _NAMES if card.get(name)), "")
    return {"title": one_line(str(named)), "card": card}


def render(bundle: Path, entry: str, output: Path) -> Produced:
    """The card as a page: its facts, then its text."""
    facts = inspect(bundle, entry)
    rendered = markup.render(_text(bundle / entry), resolve=Companions(bundle, entry, output))
    title = facts["title"] or rendered.title or Path(entry).stem
    heading = f"<h1>{escape(title)}</h1>" if title != rendered.title else ""
    body = f'<article class="prose">{heading}{_facts(facts["card"])}{rendered.html}</article>'
    page = shell.page(
        title,
        body,
        styles=shell.MATH_STYLES if rendered.has_math else (),
        scripts=shell.MATH_SCRIPTS if rendered.has_math else (),
    )
    (output / PAGE).write_text(page, "utf-8")
    return Produced(PAGE, title=title, summary=one_line(str(facts["card"].get("summary", ""))))


def _text(path: Path) -> str:
    if path.stat().st_size > CARD_BYTES:
        raise _invalid(f"it is larger than {CARD_BYTES // 1_000_000} MB")
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise _invalid("it is not text in UTF-8") from None


def _card(text: str) -> dict[str, JSON]:
    found = _HEAD.match(text)
    if found is None:
        return {}
    if len(found[1]) > HEAD_CHARACTERS:
        raise _invalid(f"its head has more than {HEAD_CHARACTERS:,} characters")
    try:
        _check_events(found[1])
        card = yaml.safe_load(found[1])
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 2 if problem.problem_mark else 1
        raise _invalid(f"line {line}: {problem.problem or 'its head is not YAML'}") from None
    except (yaml.YAMLError, ValueError, LookupError, TypeError, OverflowError, RecursionError):
        raise _invalid("its head is not YAML") from None
    if not isinstance(card, dict | None):
        raise _invalid("its head is not a list of names and values")
    plain: dict[str, JSON] = _plain(card or {})
    return plain


def _check_events(head: str) -> None:
    depth = 0
    for event in yaml.parse(head, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise _invalid("its head has aliases (*name), which are not taken")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH:
            raise _invalid(f"its head nests more than {DEPTH} deep")


def _plain(value: object) -> JSON:
    if isinstance(value, dict):
        return {one_line(str(key)): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int)):
        return value
    return value.isoformat() if isinstance(value, date) else clean(str(value), length=2000)


def _facts(card: dict[str, JSON]) -> str:
    rows = [
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(words)}</td></tr>'
        for name, words in list(_flat(card))[:FACTS_SHOWN]
    ]
    return f'<div class="scroll"><table>{"".join(rows)}</table></div>' if rows else ""


def _flat(card: dict[str, JSON], above: str = "") -> Iterator[tuple[str, str]]:
    """Names and values in words: `metrics auc` and `0.93`."""
    for key, value in card.items():
        name = f"{above} {key}".strip()
        if isinstance(value, dict):
            yield from _flat(value, name)
        elif isinstance(value, list):
            yield name, ", ".join(str(item) for item in value if not isinstance(item, (dict, list)))
        else:
            yield name, "not known" if value is None else str(value)


def _invalid(problem: str) -> Refused:
    return Refused("card_invalid", f"The model card cannot be read: {problem}.")
