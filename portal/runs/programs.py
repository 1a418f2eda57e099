"""How a version becomes a command, and which of the files it writes readers see first."""

import json
import os
from datetime import UTC
from pathlib import Path
from typing import Any

from django.conf import settings

from portal.publishing.models import Edition, Version
from portal.runs import isolation, results, tools
from portal.runs.environments.pins import Interpreter
from portal.runs.errors import BundleError
from portal.runs.models import Run
from portal.runs.runners import Job, Runner, find_runner, runner_of
from portal.runs.sandbox import Command, Limits, places
from portal.runs.secrets import Given
from portal.runs.workplace import Workplace

CLIENT = settings.BASE_DIR / "client" / "src"  # `import broadsheet`: every run may read it
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"

Tools = dict[str, Path]


def tools_for(version: Version) -> Tools:
    """Where the tools are that the version needs on this worker, by their program.

    :raises ToolMissing: when one of them is not there.
    """
    runner = runner_of(version)
    return {tool.program: tools.need(tool, called=called(version)) for tool in runner.tools}


def called(version: Version) -> str:
    """What people know the version's code by: its entry, or its command."""
    runner = find_runner(version)
    return runner.called(version.entry, _wishes(version)) if runner else version.entry


def command_for(
    run: Run, place: Workplace, interpreter: Interpreter, found: Tools, given: Given
) -> Command:
    """The command that executes the run's version in its work folder, with the secrets it is given."""
    version, runner = run.version, runner_of(run.version)
    job = Job(version.entry, _wishes(version), run.parameters, place, interpreter.python, found)
    return Command(
        runner.command(job),
        place.work,
        {**given.values, **_environment(run, job), **runner.environment(job)},
        writable=place.writable,
        readable=[*_readable(place, interpreter), *_readable_for(runner, found)],
        hidden=isolation.hidden(),
        network=_wishes(version).get("network", True),
    )


def schema_command(
    check: dict[str, Any], run: Run, place: Workplace, interpreter: Interpreter
) -> Command:
    """The command by which the run's own packages judge a table by a schema of the bundle.

    It gets the run's folders as the code had them: what readers get of them is stored already.
    """
    table = place.stages[check["stage"]] / check["file"]
    arguments = [str(table), str(place.work / check["schema"]), json.dumps(check["masked"])]
    job = Job(run.version.entry, {}, {}, place, interpreter.python, {})
    given = _environment(run, job)
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
    return bool(_wishes(version).get("previous_files", False))


def time_limit_of(run: Run) -> int:
    """Its schedule's time limit in seconds, else the manifest's, else the usual one; within ours."""
    wanted: int = run.time_limit_seconds or _wishes(run.version).get(
        "time_limit_seconds", settings.RUN_TIME_LIMIT_SECONDS
    )
    return min(wanted, settings.RUN_TIME_LIMIT_MOST_SECONDS)


def limits_for(run: Run) -> Limits:
    """What the run may use of the machine."""
    return Limits(
        wall_seconds=time_limit_of(run),
        memory_mb=settings.RUN_MEMORY_MB,
        processes=settings.RUN_PROCESSES,
        disk_mb=settings.RUN_DISK_MB,
    )


def shown_file(version: Version, output: Path) -> str:
    """The file below `output` that readers see first.

    :raises BundleError: when nothing was written, or when it is not clear which.
    """
    wanted, code = _wishes(version).get("show", ""), called(version)
    written = sorted(
        path.relative_to(output).as_posix()
        for path in output.rglob("*")
        if path.is_file() and path != output / results.NAME
    )
    if wanted and wanted not in written:
        raise BundleError(
            f"{code} ended well, but did not write {wanted}, which broadsheet.toml wants to "
            "show. Write it into the folder that BROADSHEET_OUTPUT names."
        )
    if not written:
        raise BundleError(
            f"{code} ended well, but wrote no file. Write what readers should see into the "
            "folder that BROADSHEET_OUTPUT names."
        )
    usual = [wanted, *runner_of(version).shows(version.entry), "index.html"]
    first = next((name for name in usual if name in written), "")
    if not first and len(written) > 1:
        raise BundleError(
            f"{code} wrote {len(written)} files, none of them index.html. Name the one that "
            'readers see first in broadsheet.toml: show = "..." under [run].'
        )
    return first or written[0]


def _wishes(version: Version) -> dict[str, Any]:
    wishes: dict[str, Any] = version.manifest.get("run", {})
    return wishes


def _readable(place: Workplace, interpreter: Interpreter) -> list[Path]:
    """What every code may read besides its own folders and the system."""
    pythons = [*interpreter.folders, *places.of_interpreter(str(interpreter.python))]
    previous = [place.previous] if place.previous.exists() else []
    return [CLIENT, *previous, *pythons, *(Path(folder) for folder in settings.RUN_READABLE)]


def _readable_for(runner: Runner, found: Tools) -> list[Path]:
    installed = [
        folder for tool in runner.tools for folder in tools.folders_of(tool, found[tool.program])
    ]
    return [*runner.readable, *installed]


def _previous(edition: Edition | None) -> dict[str, Any]:
    """What the code is told of the edition that readers see."""
    return {"number": edition.number, "metrics": edition.metrics} if edition else {}


def _environment(run: Run, job: Job) -> dict[str, str]:
    """All that the code knows of the world besides its secrets: nothing of ours."""
    programs = [job.python.parent, *(tool.parent for tool in job.tools.values())]
    return {
        "PATH": os.pathsep.join([*dict.fromkeys(map(str, programs)), SYSTEM_PATH]),
        "HOME": str(job.place.home),
        "TMPDIR": str(job.place.temporary),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(CLIENT),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PLOTLY_RENDERER": "plotly_mimetype",
        "BROADSHEET_OUTPUT": str(job.place.output),
        "BROADSHEET_LOGICAL_TIME": run.logical_time.astimezone(UTC).isoformat(),
        "BROADSHEET_PARAMETERS": json.dumps(job.parameters),
        "BROADSHEET_PREVIOUS": json.dumps(_previous(run.variant.current)),
        "BROADSHEET_SAY": str(job.place.said),
        "BROADSHEET_PARTS": str(job.place.parts),
    } | _previous_files(job.place)


def _previous_files(place: Workplace) -> dict[str, str]:
    """Where the files of the edition before are, for code that wants them."""
    return {"BROADSHEET_PREVIOUS_FILES": str(place.previous)} if place.previous.exists() else {}
