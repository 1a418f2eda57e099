"""Which files Broadsheet takes, and the module that knows each of them.

The apps register their formats in `AppConfig.ready()`. A producer module is imported only inside a
child process (`portal.publishing.workshop`), which gets the register as JSON. Each defines

    inspect(bundle: Path, entry: str) -> dict[str, JSON]            facts of the file
    render(bundle: Path, entry: str, output: Path) -> Produced      writes the files that readers get

and both raise `Refused`. Without Django, because child processes import it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from portal.common.refusals import Refused as Refused

JSON = Any
Register = dict[str, list[JSON]]

# What readers of a folder without a word from its author see first.
PAGE, NOTEBOOK, DOCUMENT, DATA, NEVER = range(5)


@dataclass(frozen=True)
class Format:
    """A kind of file. `extensions` start with a dot; `names` are whole file names; all lower case.

    `contents` are the answers of `sniffing.sniff` that may stand behind the extension; empty means that
    the producer looks for itself. `precedence` is one of PAGE ... NEVER.
    """

    name: str
    label: str
    extensions: frozenset[str]
    kind: str
    module: str
    names: frozenset[str] = frozenset()
    contents: frozenset[str] = frozenset()
    precedence: int = DOCUMENT


@dataclass(frozen=True)
class Produced:
    """What `render` wrote: the file readers see first, and what can be said of it."""

    entry: str
    title: str = ""
    summary: str = ""
    facts: dict[str, JSON] = field(default_factory=dict)


_formats: dict[str, Format] = {}


def register_format(known: Format) -> None:
    """Take files of this format from now on. Registering again under the same name replaces."""
    _formats[known.name] = known


def formats_by_extension() -> Register:
    """The register as JSON for a child process: by extension or whole file name, the default first."""
    register: Register = {}
    for known in _formats.values():
        plain = {
            key: sorted(value) if isinstance(value, frozenset) else value
            for key, value in asdict(known).items()
        }
        for key in sorted(known.extensions | known.names):
            register.setdefault(key, []).append(plain)
    return register


def find_format(
    register: Mapping[str, Sequence[JSON]], filename: str, kind: str = ""
) -> Format | None:
    """The format of a file by its name; where several share an extension, `kind` decides."""
    name = filename.rpartition("/")[2].lower()
    candidates = register.get(name) or register.get(extension_of(name)) or []
    chosen = [plain for plain in candidates if plain["kind"] == kind] or list(candidates)
    return _from_json(chosen[0]) if chosen else None


def extension_of(filename: str) -> str:
    """`.csv` of `data.CSV`, of `.csv` too (a file that is only an extension); empty without a dot."""
    dot = filename.rfind(".")
    return filename[dot:].lower() if dot >= 0 else ""


def _from_json(plain: JSON) -> Format:
    sets = {key: frozenset(plain[key]) for key in ("extensions", "names", "contents")}
    return Format(**{**plain, **sets})
