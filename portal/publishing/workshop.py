"""From uploaded files to a checked bundle, and from a bundle or a run's output to what readers see.

Runs inside one child process (`portal.common.children`) and imports the producer modules only there:

    unpack -> manifest -> entry and format -> inspect -> render, unless the entry is code to be run
"""

import importlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from portal.common.refusals import Refused
from portal.common.text import clean, one_line
from portal.publishing import bundles, code, jsonfiles, manifest
from portal.publishing.archives import Limits
from portal.publishing.bundles import Bundle, Upload
from portal.publishing.formats import (
    NEVER,
    PAGE,
    Format,
    Produced,
    Register,
    extension_of,
    find_format,
)
from portal.publishing.names import LONGEST_FILE_NAME, display_name, stored_name
from portal.publishing.sniffing import sniff

JSON = Any

INDEXES = ("index.html", "index.htm")
RUN_REPORT = "broadsheet.json"  # what code says about its run; for us, never shown as a file
KINDS = ("report", "visualization", "model")


def prepare(
    uploads: Sequence[dict[str, str]],
    destination: str,
    formats: Register,
    kind: str = "",
    limits: dict[str, int] | None = None,
    languages: Sequence[dict[str, JSON]] = (),
) -> dict[str, JSON]:
    """Check what was uploaded and, unless it is code to be run, make what readers see.

    `uploads` are `{"path", "name"}`, `languages` what `code.known_code` answers. Writes `bundle/` and
    `edition/` below `destination`. Returns
    `{"entry", "format", "executes", "kind", "title", "manifest", "files": [{"path", "size"}],
    "left_out", "facts", "produced": {"entry", "title", "summary", "facts"} or None}`.

    :raises Refused: for whatever is wrong with the files.
    """
    given = [Upload(Path(upload["path"]), upload["name"]) for upload in uploads]
    _check_type(given, formats, kind, languages)
    bundle = bundles.unpack(given, Path(destination) / "bundle", Limits(**(limits or {})))
    wishes = _manifest(bundle)
    by_key = code.asked_by_key(languages, wishes.get("run", {}))
    entry = wishes.get("entry") or (manifest.FILE_NAME if by_key else _entry(bundle, formats))
    language = by_key or code.code_of(languages, entry)
    can_be_shown = find_format(formats, entry, kind) is not None  # a notebook can, a script cannot
    executes = _executes(bundle, wishes, language, can_be_shown=can_be_shown)
    known = _format(bundle.folder, entry, formats, kind) if can_be_shown or not executes else None
    facts = _producer(known).inspect(bundle.folder, entry) if known else {}
    produced = None
    if known and not executes:
        produced = _render(known, bundle.folder, entry, Path(destination) / "edition")
    prepared: dict[str, JSON] = jsonfiles.storable(
        {
            "entry": entry,
            "format": language if executes or not known else known.name,
            "executes": executes,
            "kind": kind
            if kind in KINDS
            else wishes.get("kind") or (known.kind if known else "report"),
            "title": _title(bundle, wishes, produced),
            "manifest": wishes,
            "files": [{"path": path, "size": bundle.files[path]} for path in sorted(bundle.files)],
            "left_out": bundle.left_out,
            "facts": facts,
            "produced": asdict(produced) if produced else None,
        }
    )
    return prepared


def produce(bundle: str, entry: str, output: str, formats: Register) -> dict[str, JSON]:
    """Make what readers see of the files that a run left in `bundle`; `entry` may be empty: choose.

    Returns `{"entry", "format", "facts", "produced": {...}}`, as `prepare` does.

    :raises Refused: bundle_without_index when it is not clear which file to show, and whatever the
        file's format has to say.
    """
    left = bundles.collect(Path(bundle), Limits())
    left.files.pop(RUN_REPORT, None)
    entry = entry or _entry(left, formats)
    if entry not in left.files:
        raise Refused("bundle_without_index", f"The run wrote no file named {entry[:80]!r}.")
    known = _format(left.folder, entry, formats, "")
    facts = _producer(known).inspect(left.folder, entry)
    produced = _render(known, left.folder, entry, Path(output))
    shown: dict[str, JSON] = jsonfiles.storable(
        {"entry": entry, "format": known.name, "facts": facts, "produced": asdict(produced)}
    )
    return shown


def _check_type(
    uploads: Sequence[Upload], formats: Register, kind: str, languages: Sequence[dict[str, JSON]]
) -> None:
    """Turn down a single file that has no chance before anything of it is read."""
    if len(uploads) != 1:
        return
    if len(uploads[0].name) > LONGEST_FILE_NAME:
        raise Refused("bad_filename", "The file's name is far too long. Rename it.", 400)
    name = display_name(uploads[0].name)
    extension = extension_of(name)
    known = find_format(formats, name, kind)
    if known is None and code.code_of(languages, name):
        raise Refused(
            "script_needs_bundle",
            "A script alone cannot be shown. Put it into a folder or zip file with "
            f'{manifest.FILE_NAME} that says entry = "{stored_name(name)}"; then it is run.',
            415,
        )
    if extension != ".zip" and known is None:
        raise _not_allowed(extension, formats)


def _manifest(bundle: Bundle) -> dict[str, JSON]:
    if bundle.shape == bundles.FILE or manifest.FILE_NAME not in bundle.files:
        return {}
    path = bundle.folder / manifest.FILE_NAME
    wishes = manifest.read(path)
    if wishes.get("entry", manifest.FILE_NAME) not in bundle.files:
        raise manifest.wrong(path, "entry", f"names no file of this bundle: {wishes['entry']}")
    if "entry" in wishes and "command" in wishes.get("run", {}):
        raise manifest.wrong(
            path,
            "entry",
            "does not go with run.command, which says what is executed; run.show names the file "
            "that readers see first",
        )
    return wishes


def _entry(bundle: Bundle, formats: Register) -> str:
    """The file that readers see first when the author did not say."""
    if bundle.shape == bundles.FILE:
        return next(iter(bundle.files))
    for index in INDEXES:
        if index in bundle.files:
            return index
    ranked: dict[int, list[str]] = {}
    for path in bundle.files:
        if (known := find_format(formats, path)) and known.precedence != NEVER:
            ranked.setdefault(known.precedence, []).append(path)
    if not ranked or (bundle.shape == bundles.ARCHIVE and PAGE in ranked):
        raise _no_index()
    best = ranked[min(ranked)]
    best = [path for path in best if "/" not in path] or best
    if len(best) > 1:
        raise _no_index()
    return best[0]


def _executes(
    bundle: Bundle, wishes: dict[str, JSON], language: str, *, can_be_shown: bool
) -> bool:
    """Whether it is code that its author, by a manifest, wants to be run."""
    if bundle.shape == bundles.FILE or manifest.FILE_NAME not in bundle.files:
        return False
    path, run = bundle.folder / manifest.FILE_NAME, wishes.get("run", {})
    executes = bool(language) and run.get("execute", True)
    if language and not (executes or can_be_shown):
        raise manifest.wrong(path, "run", "has execute = false, but then there is nothing to show")
    if run.get("execute") and not language:
        raise manifest.wrong(path, "run", "has execute = true, but the entry is not code")
    for key in ("schedule", "schedules", "parameters", "variants"):
        if key in wishes and not executes:
            raise manifest.wrong(path, key, "is only for code that is run")
    return bool(executes)


def _format(folder: Path, entry: str, formats: Register, kind: str) -> Format:
    """The format by extension, held against what is really in the file."""
    known = find_format(formats, entry, kind)
    if known is None:
        raise _not_allowed(extension_of(entry), formats)
    if (folder / entry).stat().st_size == 0:
        raise Refused("empty_file", f"{entry} is empty. Was it still being written?", 400)
    if known.contents and sniff(folder / entry) not in known.contents:
        raise Refused(
            "type_mismatch",
            f"The file is named {extension_of(entry)} but holds something else. "
            "Save it again in the format that its name says.",
            415,
        )
    return known


def _producer(known: Format) -> ModuleType:
    return importlib.import_module(known.module)


def _render(known: Format, folder: Path, entry: str, output: Path) -> Produced:
    output.mkdir(parents=True, exist_ok=True)
    produced: Produced = _producer(known).render(folder, entry, output)
    for private in (manifest.FILE_NAME, RUN_REPORT):
        (output / private).unlink(missing_ok=True)
    return replace(
        produced,
        title=one_line(produced.title),
        summary=clean(produced.summary, length=2000),
    )


def _title(bundle: Bundle, wishes: dict[str, JSON], produced: Produced | None) -> str:
    """What the author or the file says; else the name of what was uploaded, in words."""
    said = wishes.get("title") or (produced and produced.title)
    return one_line(said or bundle.name.replace("_", " "))


def _no_index() -> Refused:
    return Refused(
        "bundle_without_index",
        "It is not clear which file readers should see first. Name it index.html, or add "
        f'{manifest.FILE_NAME} with the line entry = "name-of-the-file".',
    )


def _not_allowed(extension: str, formats: Register) -> Refused:
    known = " ".join(sorted(key for key in formats if key.startswith(".")))
    what = f"Files that end in {extension[:20]}" if extension else "Files without an extension"
    return Refused("type_not_allowed", f"{what} are not taken. Known are .zip {known}.", 415)
