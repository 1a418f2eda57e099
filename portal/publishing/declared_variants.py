"""`[[variants]]` in `broadsheet.toml`: variants as settings as code, judged strictly.

    [[variants]]
    slug = "apac"                # the end of its link: /reports/weekly-sales/for/apac/
    title = "Asia and Pacific"
    parameters = { region = "APAC", month = "previous month" }

Without Django, because child processes import it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from portal.publishing import parameters
from portal.publishing.parameters import BadKey, BadValues, Spec

JSON = Any

MOST_VARIANTS = 200
LONGEST_SLUG = 80
LONGEST_TITLE = 200
DEFAULT = "default"
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_KEYS = ("slug", "title", "parameters")


def declared(table: Mapping[str, object], spec: Spec, before: Sequence[str]) -> dict[str, JSON]:
    """One variant: slug, title and its parameters as they are kept. `before`: slugs that are taken.

    :raises BadKey: with the first key that is unknown, missing or does not fit.
    """
    for key in table:
        if key not in _KEYS:
            raise BadKey(key, f"is not known here; known are {', '.join(_KEYS)}")
    slug = _slug(table.get("slug"))
    if slug in before:
        raise BadKey("slug", f"stands here twice: {slug}")
    return {
        "slug": slug,
        "title": _title(table.get("title", slug)),
        "parameters": _parameters(table.get("parameters", {}), spec),
    }


def _slug(value: object) -> str:
    if not isinstance(value, str) or not _SLUG.fullmatch(value) or len(value) > LONGEST_SLUG:
        raise BadKey(
            "slug", "must be lower-case letters, digits and single hyphens, at most 80: emea"
        )
    if value == DEFAULT:
        raise BadKey("slug", "must not be default: that variant follows the defaults of parameters")
    return value


def _title(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= LONGEST_TITLE:
        raise BadKey("title", f"must be a text of 1 to {LONGEST_TITLE} characters")
    if not value.isprintable():
        raise BadKey("title", "must not hold control characters")
    return value.strip()


def _parameters(value: object, spec: Spec) -> dict[str, JSON]:
    if not isinstance(value, dict):
        raise BadKey("parameters", 'must be a table: parameters = { region = "APAC" }')
    try:
        return parameters.read(spec, value)
    except BadValues as bad:
        raise BadKey("parameters", f"do not fit: {str(bad).removesuffix('.')}") from None
