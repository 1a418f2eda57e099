"""Read JSON that somebody uploaded so that every reader of it, Python or browser, sees the same.

What Python writes by default and browsers refuse (NaN, Infinity, 1e400) becomes null. Lone halves
of surrogate pairs and NUL, which databases and encoders refuse, become U+FFFD.
"""

import json
import math
import re
from pathlib import Path
from typing import Any

from portal.publishing.formats import Refused

JSON = Any

DEPTH_LIMIT = 200  # levels; real figures have 15, and every later reader may walk recursively

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_UNSTORABLE_ESCAPE = re.compile(r"\\u(?:d[89a-f]|0000)", re.IGNORECASE)
_LONGEST_FLOAT = 308  # digits before a number is no longer finite in JavaScript


def read(path: Path) -> JSON:
    """The content of a JSON file. Refused: not_json, json_too_deep."""
    return parse(path.read_bytes())


def parse(content: bytes) -> JSON:
    try:
        text = content.decode("utf-8-sig")
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=lambda name: None,
            parse_float=_finite,
            parse_int=_integer,
        )
    except UnicodeDecodeError:
        raise Refused("not_json", "This file is not JSON: it is not text in UTF-8.") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as problem:
        raise Refused("not_json", f"This file is not valid JSON: {_sentence(problem)}") from None
    _check_depth(value)
    return storable(value) if _UNSTORABLE_ESCAPE.search(text) else value


def storable(value: JSON) -> JSON:
    """The same as JSON that every database and browser takes: no NaN, no NUL, no halves of characters."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {storable(str(name)): storable(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [storable(inner) for inner in value]
    return value


def _unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    names = [name for name, _ in pairs]
    twice = next(name for name in names if names.count(name) > 1)
    raise ValueError(f"the name {twice[:40]!r} stands twice in one object")


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _integer(digits: str) -> int | None:
    number = int(digits)  # ValueError beyond Python's own limit of digits
    return number if len(digits) <= _LONGEST_FLOAT else None


def _sentence(problem: ValueError) -> str:
    if isinstance(problem, json.JSONDecodeError):
        return f"{problem.msg} in line {problem.lineno}, column {problem.colno}."
    return f"{str(problem).partition(';')[0]}."


def _check_depth(value: JSON) -> None:
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(DEPTH_LIMIT):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
    if level:
        raise _too_deep()


def _too_deep() -> Refused:
    return Refused("json_too_deep", f"This file nests lists and objects over {DEPTH_LIMIT} deep.")
