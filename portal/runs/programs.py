"""How a version's entry becomes a command, and which of the files it writes readers see first."""

import json
import sys
from datetime import UTC
from pathlib import Path
from typing import Any

from django.conf import settings

from portal.publishing.models import Edition, Version
from portal.runs import isolation, results
from portal.runs.environments.pins import Interpreter
from portal.runs.errors import BundleError
from portal.runs.models import Run
from portal.runs.sandbox import Command, Limits, places
from portal.runs.workplace import Workplace

CLIENT = settings.BASE_DIR / "client" / "src"  # `import broadsheet`: every run may read it
DRIVER = settings.BASE_DIR / "reports" / "producers" / "execute.py"  # the only file of ours inside


def is_notebook(version: Version) -> bool:
    return version.entry.lower().endswith(".ipynb")


def command_for(run: Run, place: Workplace, interpreter: Interpreter) -> Command:
    """The command by which the interpreter executes the run's version in its work folder."""
    version, parameters = run.version, json.dumps(run.variant.parameters)
    arguments = [str(interpreter.python), version.entry]
    if is_notebook(version):
        executed = place.output / Path(version.entry).name
        arguments = [sys.executable, "-I", str(DRIVER)]
        arguments += [version.entry, str(executed), parameters, str(interpreter.python)]
    return Command(
        arguments,
        place.work,
        _environment(run, place, parameters, interpreter),
        writable=place.writable,
        readable=_readable(place, interpreter),
        hidden=isolation.hidden(),
        network=version.manifest.get("run", {}).get("network", True),
    )


def schema_command(
    check: dict[str, Any], run: Run, place: Workplace, interpreter: Interpreter
) -> Command:
    """The command by which the run's own packages judge a table by a schema of the bundle.

    It gets the run's folders as the code had them: what readers get of them is stored already.
    """
    table = place.stages[check["stage"]] / check["file"]
    arguments = [str(table), str(place.work / check["schema"]), json.dumps(check["masked"])]
    given = _environment(run, place, "{}", interpreter)
    return Command(
        [str(interpreter.python), "-m", "broadsheet._schema", *arguments],
        place.work,
        {name: value for name, value in given.items() if not name.startswith("BROADSHEET_")},
        writable=place.writable,
        readable=_readable(place, interpreter),
        hidden=isolation.hidden(),
        network=False,
    )


def wants_previous_files(version: Version) -> bool:
    """Whether the code compares with the files of the edition that readers see."""
    return bool(version.manifest.get("run", {}).get("previous_files", False))


def _readable(place: Workplace, interpreter: Interpreter) -> list[Path]:
    """What the code may read besides its own folders and the system."""
    pythons = [*interpreter.folders, *places.of_interpreter(str(interpreter.python))]
    previous = [place.previous] if place.previous.exists() else []
    readable = (Path(folder) for folder in settings.RUN_READABLE)
    return [DRIVER, CLIENT, *previous, *pythons, *readable]


def limits_for(version: Version) -> Limits:
    """The manifest's time limit, within ours."""
    wanted = version.manifest.get("run", {}).get(
        "time_limit_seconds", settings.RUN_TIME_LIMIT_SECONDS
    )
    return Limits(
        wall_seconds=min(wanted, settings.RUN_TIME_LIMIT_MOST_SECONDS),
        memory_mb=settings.RUN_MEMORY_MB,
        processes=settings.RUN_PROCESSES,
        disk_mb=settings.RUN_DISK_MB,
    )


def shown_file(version: Version, output: Path) -> str:
    """The file below `output` that readers see first.

    :raises BundleError: when nothing was written, or when it is not clear which.
    """
    if is_notebook(version):
        return Path(version.entry).name
    wanted = version.manifest.get("run", {}).get("show", "")
    written = sorted(
        path.relative_to(output).as_posix()
        for path in output.rglob("*")
        if path.is_file() and path != output / results.NAME
    )
    if wanted and wanted not in written:
        raise BundleError(
            f"{version.entry} ended well, but did not write {wanted}, which broadsheet.toml wants to "
            "show. Write it into the folder that BROADSHEET_OUTPUT names."
        )
    if not written:
        raise BundleError(
            f"{version.entry} ended well, but wrote no file. Write what readers should see into the "
            "folder that BROADSHEET_OUTPUT names."
        )
    if not wanted and "index.html" not in written and len(written) > 1:
        raise BundleError(
            f"{version.entry} wrote {len(written)} files, none of them index.html. Name the one that "
            'readers see first in broadsheet.toml: show = "..." under [run].'
        )
    return wanted or ("index.html" if "index.html" in written else written[0])


def _previous(edition: Edition | None) -> dict[str, Any]:
    """What the code is told of the edition that readers see."""
    return {"number": edition.number, "metrics": edition.metrics} if edition else {}


def _environment(
    run: Run, place: Workplace, parameters: str, interpreter: Interpreter
) -> dict[str, str]:
    """All that the code knows of the world: nothing of ours."""
    return {
        "PATH": f"{interpreter.python.parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(place.home),
        "TMPDIR": str(place.temporary),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(CLIENT),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PLOTLY_RENDERER": "plotly_mimetype",
        "BROADSHEET_OUTPUT": str(place.output),
        "BROADSHEET_LOGICAL_TIME": run.logical_time.astimezone(UTC).isoformat(),
        "BROADSHEET_PARAMETERS": parameters,
        "BROADSHEET_PREVIOUS": json.dumps(_previous(run.variant.current)),
        "BROADSHEET_SAY": str(place.said),
        "BROADSHEET_PARTS": str(place.parts),
    } | ({"BROADSHEET_PREVIOUS_FILES": str(place.previous)} if place.previous.exists() else {})
