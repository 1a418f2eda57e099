"""`broadsheet.toml`: what an author says about a bundle. Strict, so that a typing error is no silent default.

    entry = "sales.ipynb"        # file readers see first, or the code to execute
    title = "Weekly sales"       # also: summary, slug, kind, audience, timezone
    [run]                        # execute, command, time_limit_seconds, show, network, python,
                                 # previous_files, secrets, queue, resources
    [schedule]                   # cron with timezone, or every_minutes
    [[schedules]]                # several, with all that a schedule can have: see `declared_schedules`
    [[checks]]                   # what is expected of data: see `declarations`
    [parameters.region]          # what it may be asked for: see `parameters`
    [[variants]]                 # sets of parameters with links of their own: see `declared_variants`

Without Django, because child processes import it.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from portal.common.refusals import Refused
from portal.publishing import declarations, declared_schedules, declared_variants, parameters
from portal.publishing.names import BadName, safe_path, secret_name

JSON = Any
Rule = Callable[[object], JSON]

FILE_NAME = "broadsheet.toml"
SIZE_LIMIT = 64_000  # bytes
LONGEST_RUN = 3600  # seconds
LONGEST_COMMAND = 4_000  # characters
LONGEST_INTERVAL = 31 * 24 * 60  # minutes
MOST_SECRETS = 30
LONGEST_QUEUE = 40  # characters
MOST_RESOURCES = 10


def read(path: Path) -> dict[str, JSON]:
    """The manifest's values, only those that stand in it. Refused: manifest_invalid, with key and line."""
    if path.stat().st_size > SIZE_LIMIT:
        raise _invalid(f"it is larger than {SIZE_LIMIT:,} bytes")
    return parse(path.read_bytes())


def parse(content: bytes) -> dict[str, JSON]:
    try:
        text = content.decode("utf-8-sig")
        values = tomllib.loads(text)
    except UnicodeDecodeError:
        raise _invalid("it is not text in UTF-8") from None
    except RecursionError:
        raise _invalid("it nests too deep") from None
    except (tomllib.TOMLDecodeError, ValueError) as problem:
        raise _invalid(f"it is not valid TOML: {str(problem)[:200]}") from None
    found = _checked(values, _KEYS, "", text)
    for name, declared in _DECLARED.items():
        if name in found:
            found[name] = [
                _declared(name, declared, table, number, text)
                for number, table in enumerate(found[name])
            ]
    _check_names(found, text)
    if "parameters" in found:
        found["parameters"] = _parameters(found["parameters"], text)
    if "variants" in found:
        found["variants"] = _variants(found["variants"], found.get("parameters", []), text)
    return found


def _parameters(tables: Mapping[str, object], text: str) -> list[dict[str, JSON]]:
    """A list, because their order is that of the form, and databases do not keep the order of keys."""
    if len(tables) > parameters.MOST_PARAMETERS:
        raise _invalid(
            f"parameters must be at most {parameters.MOST_PARAMETERS}",
            line_of(text, "", "parameters"),
        )
    found = []
    for name, table in tables.items():
        shown = f"parameters.{_shown(name)}"
        if not isinstance(table, dict):
            raise _invalid(f"{shown} must be a table", line_of(text, "parameters", name))
        try:
            found.append(parameters.declared(name, table))
        except parameters.BadKey as bad:
            line = line_in_table(text, "parameters", name, bad.key)
            key = f"{shown}.{_shown(bad.key)}" if bad.key else shown
            raise _invalid(f"{key} {bad.problem}", line) from None
    return found


def _variants(
    tables: list[Mapping[str, object]], spec: parameters.Spec, text: str
) -> list[dict[str, JSON]]:
    found: list[dict[str, JSON]] = []
    for number, table in enumerate(tables):
        try:
            before = [one["slug"] for one in found]
            found.append(declared_variants.declared(table, spec, before))
        except parameters.BadKey as bad:
            line = line_in_list(text, "variants", number, bad.key)
            raise _invalid(f"variants.{_shown(bad.key)} {bad.problem}", line) from None
    return found


def _declared(
    name: str,
    declared: Callable[[Mapping[str, object]], dict[str, JSON]],
    table: Mapping[str, object],
    number: int,
    text: str,
) -> dict[str, JSON]:
    try:
        return declared(table)
    except declarations.BadKey as bad:
        line = line_in_list(text, name, number, bad.key)
        raise _invalid(f"{name}.{_shown(bad.key)} {bad.problem}", line) from None


def _check_names(found: Mapping[str, JSON], text: str) -> None:
    """That every schedule has a name of its own; `[schedule]` is the one named default."""
    schedules = list(found.get("schedules", []))
    if "schedule" in found:
        schedules.insert(0, {"name": "default", "variant": "default"})
    number = declared_schedules.check_all(schedules)
    if number is not None:
        at = number - ("schedule" in found)
        line = line_in_list(text, "schedules", at, "name")
        raise _invalid("schedules.name is that of another schedule", line)


def _checked(
    values: Mapping[str, object],
    rules: Mapping[str, Rule | Mapping[str, Rule]],
    table: str,
    text: str,
) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    for key, value in values.items():
        name = f"{table}.{key}" if table else key
        rule = rules.get(key)
        if rule is None:
            raise _invalid(
                f"{_shown(name)} is not a known key{_known(rules)}", line_of(text, table, key)
            )
        try:
            found[key] = rule(value) if callable(rule) else _checked(_table(value), rule, key, text)
        except ValueError as problem:
            raise _invalid(f"{_shown(name)} {problem}", line_of(text, table, key)) from None
    if table == "schedule":
        _check_schedule(found, line_of(text, "", table))
    return found


def wrong(path: Path, key: str, problem: str) -> Refused:
    """A refusal for a key whose value does not fit the rest of the bundle."""
    return _invalid(f"{key} {problem}", line_of(path.read_text("utf-8-sig"), "", key))


def line_of(text: str, table: str, key: str) -> int:
    """The line, from 1, where a key (or a table, when `table` is empty) is set; 1 when it is not found."""
    spelled = rf"""(?:"{re.escape(key)}"|'{re.escape(key)}'|{re.escape(key)})"""
    sets_key = re.compile(rf"\s*{spelled}\s*[=.]")
    opens_table = re.compile(rf"\s*\[\[?\s*{spelled}\s*[\].]")
    dotted = re.compile(rf"\s*{re.escape(table)}\s*(?:\.\s*{spelled}|=.*{spelled}\s*=)")
    current = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if not table and opens_table.match(line):
            return number
        if header := re.match(r"\s*\[\[?\s*([^\].]*?)\s*[\].]", line):
            current = header[1].strip("\"'")
        elif (current == table and sets_key.match(line)) or (table and dotted.match(line)):
            return number
    return 1


def line_in_list(text: str, name: str, number: int, key: str) -> int:
    """The line, from 1, of a key in the table that is `number` (from 0) of `[[name]]`, else of its header."""
    opens = re.compile(rf"\s*\[\[\s*{re.escape(name)}\s*\]\]")
    lines = text.splitlines()
    headers = [index for index, line in enumerate(lines) if opens.match(line)]
    if number >= len(headers):
        return line_of(text, "", name)  # written inline
    end = headers[number + 1] if number + 1 < len(headers) else len(lines)
    sets_key = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*=""")
    for index in range(headers[number] + 1, end):
        if sets_key.match(lines[index]):
            return index + 1
    return headers[number] + 1


def line_in_table(text: str, table: str, name: str, key: str) -> int:
    """The line, from 1, of a key below `[table.name]`, else of that header or of where the name is set."""
    quoted = rf"""["']?{re.escape(name)}["']?"""
    opens = re.compile(rf"\s*\[\s*{re.escape(table)}\s*\.\s*{quoted}\s*\]")
    lines = text.splitlines()
    header = next((number for number, line in enumerate(lines) if opens.match(line)), None)
    if header is None:
        return line_of(text, table, name)
    sets_key = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*=""")
    for number in range(header + 1, len(lines)):
        if lines[number].lstrip().startswith("["):
            break
        if key and sets_key.match(lines[number]):
            return number + 1
    return header + 1


def _check_schedule(schedule: Mapping[str, JSON], line: int) -> None:
    if ("cron" in schedule) == ("every_minutes" in schedule):
        raise _invalid("schedule needs exactly one of cron and every_minutes", line)
    if "timezone" in schedule and "cron" not in schedule:
        raise _invalid("schedule.timezone only goes with schedule.cron", line)


def _table(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError("must be a table")
    return value


def _tables(name: str, most: int) -> Rule:
    def rule(value: object) -> list[Mapping[str, object]]:
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise ValueError(f"must be tables, each below [[{name}]]")
        if len(value) > most:
            raise ValueError(f"must be at most {most}")
        return value

    return rule


def _text(most: int) -> Rule:
    def rule(value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            raise ValueError("must be a text that is not empty")
        if len(value) > most:
            raise ValueError(f"must have at most {most} characters")
        return value.strip()

    return rule


def _one_of(*choices: str) -> Rule:
    def rule(value: object) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return str(value)

    return rule


def _number(least: int, most: int) -> Rule:
    def rule(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return value

    return rule


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _path(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be the name of a file in this bundle")
    try:
        return safe_path(value)
    except BadName as problem:
        raise ValueError(f"must be the name of a file in this bundle: {problem}") from None


def _command(value: object) -> str | list[str]:
    """A line for a shell, or a program and its arguments."""
    words: list[object] = value if isinstance(value, list) else [value]
    texts = [word for word in words if isinstance(word, str)]
    if len(texts) != len(words) or not texts or not texts[0].strip():
        raise ValueError('must be a command: "make report", or ["dbt", "run"]')
    if sum(map(len, texts)) > LONGEST_COMMAND:
        raise ValueError(f"must have at most {LONGEST_COMMAND:,} characters")
    if any("\0" in text for text in texts):
        raise ValueError("must not hold the character NUL")
    return texts if isinstance(value, list) else texts[0].strip()


def _slug(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", value):
        raise ValueError("must be lower-case letters, digits and single hyphens: weekly-sales")
    if len(value) > 80:
        raise ValueError("must have at most 80 characters")
    return value


def _python(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"3\.\d{1,2}", value):
        raise ValueError('must be a Python version in quotes: "3.12"')
    return value


def _secrets(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError('must be a list of names: ["WAREHOUSE_PASSWORD"]')
    if len(value) > MOST_SECRETS:
        raise ValueError(f"must be at most {MOST_SECRETS} names")
    if len(set(value)) < len(value):
        raise ValueError("names a secret twice")
    try:
        return [secret_name(name) for name in value]
    except BadName as problem:
        raise ValueError(f"has a name that cannot be used: it {problem}") from None


def _queue(value: object) -> str:
    if len(name := _slug(value)) > LONGEST_QUEUE:
        raise ValueError(f"must have at most {LONGEST_QUEUE} characters")
    return name


def _resources(value: object) -> list[str]:
    if not isinstance(value, list) or len(value) > MOST_RESOURCES:
        raise ValueError(f'must be a list of at most {MOST_RESOURCES} names: ["warehouse"]')
    try:
        names = [_queue(name) for name in value]
    except ValueError as problem:
        raise ValueError(f"has a name that cannot be used: it {problem}") from None
    if len(set(names)) < len(names):
        raise ValueError("names a resource twice")
    return names


def _timezone(value: object) -> str:
    try:
        return ZoneInfo(str(value) if isinstance(value, str) else "").key
    except (OSError, ValueError, KeyError):
        raise ValueError("must be an IANA time zone: Europe/Berlin") from None


def _cron(value: object) -> str:
    if not isinstance(value, str) or len(value) > 200:
        raise ValueError("must be a cron rule: 0 7 * * 1-5")
    try:
        CronSim(value, _EPOCH)
    except CronSimError as problem:
        raise ValueError(f"must be a cron rule such as 0 7 * * 1-5 ({problem})") from None
    return " ".join(value.split())


def _known(rules: Mapping[str, object]) -> str:
    return f"; known are {', '.join(sorted(rules))}"


def _shown(key: str) -> str:
    return key if len(key) <= 60 else f"{key[:60]}…"


def _invalid(problem: str, line: int | None = None) -> Refused:
    place = f" (line {line})" if line else ""
    return Refused("manifest_invalid", f"{FILE_NAME}{place}: {problem}.")


_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_KEYS: dict[str, Rule | Mapping[str, Rule]] = {
    "entry": _path,
    "title": _text(200),
    "summary": _text(2000),
    "slug": _slug,
    "kind": _one_of("report", "visualization"),
    "audience": _one_of("owner", "team", "company"),
    "timezone": _timezone,
    "run": {
        "execute": _yes_or_no,
        "command": _command,
        "time_limit_seconds": _number(1, LONGEST_RUN),
        "show": _path,
        "network": _yes_or_no,
        "python": _python,
        "previous_files": _yes_or_no,
        "secrets": _secrets,
        "queue": _queue,
        "resources": _resources,
    },
    "schedule": {
        "cron": _cron,
        "timezone": _timezone,
        "every_minutes": _number(1, LONGEST_INTERVAL),
    },
    "schedules": _tables("schedules", declared_schedules.MOST_SCHEDULES),
    "parameters": _table,
    "variants": _tables("variants", declared_variants.MOST_VARIANTS),
    "checks": _tables("checks", declarations.MOST_CHECKS),
}
_DECLARED: dict[str, Callable[[Mapping[str, object]], dict[str, JSON]]] = {
    "schedules": declared_schedules.declared,
    "checks": declarations.declared,
}
