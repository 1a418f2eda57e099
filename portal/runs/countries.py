"""The countries whose public holidays are known, by name."""

from functools import cache

import holidays
from holidays import registry


@cache
def country_names() -> dict[str, str]:
    """`DE`: Germany. Named after the modules of the package, which has no other names."""
    known = holidays.list_supported_countries(include_aliases=False)
    named = {codes[1]: _in_words(module) for module, codes in registry.COUNTRIES.items()}
    return {code: named.get(code, code) for code in known}


def _in_words(module: str) -> str:
    """`isle_of_man`: Isle of Man"""
    words = module.split("_")
    return " ".join(word if word in ("and", "of", "the") else word.capitalize() for word in words)
