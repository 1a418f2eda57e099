"""Which entries are code that can be executed, and what asks for it.

Filled by the runners (`portal.runs.runners`), which stand above; a child process gets it as JSON. Without
Django, because child processes import it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from portal.publishing.formats import extension_of

JSON = Any


@dataclass(frozen=True)
class Code:
    """Files of one language. `name` is kept as the version's format.

    `extensions` start with a dot, in lower case. `key` is what asks for it below `[run]` in a manifest
    instead, whatever the files are.
    """

    name: str
    extensions: Sequence[str] = ()
    key: str = ""


_known: dict[str, Code] = {}


def register_code(known: Code) -> None:
    """Take entries of this kind as code. Registering again under the same name replaces."""
    _known[known.name] = known


def known_code() -> list[dict[str, JSON]]:
    """The register as JSON for a child process."""
    return [asdict(known) for known in _known.values()]


def asked_by_key(register: Sequence[Mapping[str, JSON]], run: Mapping[str, JSON]) -> str:
    """The name of the code that a key below `[run]` asks for; empty when none does."""
    return next((known["name"] for known in register if known["key"] in run), "")


def code_of(register: Sequence[Mapping[str, JSON]], entry: str) -> str:
    """The name of the code that a file is by its extension; empty when it is none."""
    extension = extension_of(entry)
    return next((known["name"] for known in register if extension in known["extensions"]), "")
