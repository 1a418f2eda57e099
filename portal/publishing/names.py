"""Names that came from outside: which may become a path below a folder of ours, and how.

Inside a bundle a page refers to its files by name, so a name is kept or refused, never changed (only
its Unicode form is). The name of a single file is only a title; what is stored is made from it.
"""

import re
import unicodedata
from urllib.parse import unquote

from portal.common.text import one_line
from portal.publishing.formats import extension_of

COMPONENT_BYTES = 200
DEPTH = 16
DISPLAYED = 200  # characters of a name in pages
EXTENSION = 20  # characters, its dot too
PYTHON_VERSION = ".python-version"
LONGEST_FILE_NAME = 1_000  # characters of a single file's name; nobody wrote a longer one by hand

LONGEST_VARIABLE = 80
# What the portal, the loader, the shell or the interpreter of a run listens to.
_TAKEN = re.compile(
    r"(?:BROADSHEET_|DYLD_|IPYTHON|JUPYTER|LC_|LD_|MALLOC_|PYTHON)\w*"
    r"|BASH_ENV|ENV|GCONV_PATH|GLIBC_TUNABLES|HOME|IFS|LANG|LANGUAGE|LOGNAME|PATH|PLOTLY_RENDERER|PWD"
    r"|SHELL|TEMP|TERM|TMP|TMPDIR|TZ|USER"
)
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_DRIVE = re.compile(r"[A-Za-z]:")
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_PLAIN = re.compile(r"[^\w.()+ -]")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)


class BadName(Exception):
    """The name cannot be used for what it is meant for; the message says why."""


def safe_path(name: str) -> str:
    """The name as a relative path with forward slashes, in normal form C, that stays below its folder.

    :raises BadName: for anything that another reader could take for another place.
    """
    _check_decoded(name)
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts:
        raise BadName("it is empty")
    if len(parts) > DEPTH:
        raise BadName(f"it lies more than {DEPTH} folders deep")
    for part in parts:
        if len(part.encode()) > COMPONENT_BYTES:
            raise BadName(f"a part of it is longer than {COMPONENT_BYTES} bytes")
    return unicodedata.normalize("NFC", "/".join(parts))


def secret_name(name: str) -> str:
    """The name of a secret: of an environment variable that nothing but the author's code listens to.

    :raises BadName: with a problem that goes after “the name”.
    """
    if not _VARIABLE.fullmatch(name) or len(name) > LONGEST_VARIABLE:
        raise BadName(
            "must be capital letters, digits and underscores, beginning with a letter, at most "
            f"{LONGEST_VARIABLE}: WAREHOUSE_PASSWORD"
        )
    if _TAKEN.fullmatch(name):
        raise BadName(f"cannot be {name}, which the portal or Python itself listens to")
    return name


def same_on_some_disk(path: str) -> str:
    """Two paths with the same answer are one file where case or Unicode form does not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def is_hidden(path: str) -> bool:
    """Whether the file or a folder above it starts with a dot, as `.env` and `.git/config` do.

    `.python-version` is no secret and says which Python the code needs.
    """
    *folders, name = path.split("/")
    return any(part.startswith(".") for part in folders) or (
        name.startswith(".") and name != PYTHON_VERSION
    )


def display_name(name: str) -> str:
    """A single file's name for people: the last part of whatever path came with it, cleaned."""
    last = one_line(re.split(r"[/\\]", name)[-1], length=LONGEST_FILE_NAME)
    extension = extension_of(last)
    return one_line(last.removesuffix(extension), length=DISPLAYED) + extension


def stored_name(name: str) -> str:
    """A plain name for a single file, made from its display name; keeps the extension."""
    last = unicodedata.normalize("NFKC", display_name(name))
    extension = _PLAIN.sub("", extension_of(last))[:EXTENSION]
    stem = last[: len(last) - len(extension_of(last))]
    stem = re.sub(r"_{2,}", "_", _PLAIN.sub("_", stem)).strip(" ._-")
    stem = stem.encode()[: COMPONENT_BYTES // 2].decode(errors="ignore").rstrip(" .")
    if not stem or _DEVICE.match(stem):
        stem = f"file_{stem}".rstrip("_")
    return stem + extension


def _check_decoded(name: str) -> None:
    """The checks of `safe_path` on the name as it is and as anybody may decode it who decodes too much."""
    for _ in range(4):
        _check_literal(name)
        _check_literal(unicodedata.normalize("NFKC", name))
        decoded = unquote(name, errors="surrogateescape")
        if decoded == name:
            return
        name = decoded
    raise BadName("it is percent-encoded many times over")


def _check_literal(name: str) -> None:
    if _UNPRINTABLE.search(name):
        raise BadName("it has invisible or control characters")
    if "\\" in name:
        raise BadName("it has a backslash")
    if name.startswith("/") or _DRIVE.match(name):
        raise BadName("it is not relative to the bundle")
    if ".." in name.split("/"):
        raise BadName("it leaves the bundle")
