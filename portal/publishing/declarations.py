"""`[[checks]]` in `broadsheet.toml`: what an author expects of data, judged strictly.

    [[checks]]
    file = "orders.csv"
    column = "amount"
    rule = "range"
    min = 0
    severity = "warn"            # else the check blocks

Without Django, because child processes import it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from portal.publishing.names import BadName, safe_path

JSON = Any
Check = dict[str, JSON]

MOST_CHECKS = 100
MOST_VALUES = 1_000
LONGEST_NAME = 200
TABLES = (".csv", ".tsv", ".parquet")
TYPES = ("integer", "number", "text", "date", "time", "boolean")

# The keys that each rule takes beside those that every check of its kind has.
OF_COLUMN: dict[str, frozenset[str]] = {
    "type": frozenset({"type"}),
    "range": frozenset({"min", "max"}),
    "allowed": frozenset({"values"}),
    "not_null": frozenset(),
    "unique": frozenset(),
    "fresh": frozenset({"hours"}),
}
OF_FILE = {"rows": frozenset({"min", "max", "change"})}
SCHEMA_RULE = "pandera"
SCHEMAS = (".yaml", ".yml", ".json", ".py")
OF_METRIC = {"range": frozenset({"min", "max"}), "change": frozenset({"change"})}
EVERY = frozenset({"name", "rule", "severity"})


class BadKey(ValueError):
    """A key of a check that cannot be used."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key} {problem}")
        self.key = key
        self.problem = problem


def declared(table: Mapping[str, object]) -> Check:
    """One check with every default filled in: name, stage, severity, masked, and what its rule needs.

    :raises BadKey: with the first key that is unknown, missing or ill-typed.
    """
    if "schema" in table:
        table = {"rule": SCHEMA_RULE, **table}
    keys = _keys_of(table)
    for key in table:
        if key not in keys:
            known = ", ".join(sorted(keys))
            raise BadKey(key, f"does not go with this check; known are {known}")
    check = {key: _RULES[key](key, value) for key, value in table.items()}
    _need(check)
    check.setdefault("severity", "block")
    if "metric" in check:
        check["stage"] = "metrics"
    else:
        check.setdefault("stage", "output")
        check.setdefault("masked", [])
    check.setdefault("name", _name_of(check))
    return check


def _keys_of(table: Mapping[str, object]) -> frozenset[str]:
    """What may stand in a check with this rule."""
    rule = table.get("rule")
    if "metric" in table:
        return EVERY | {"metric"} | _own(OF_METRIC, rule)
    if "file" not in table:
        raise BadKey("file", "is missing: name a file with rows, or a metric")
    if rule == SCHEMA_RULE:
        return EVERY | {"file", "stage", "masked", "schema"}
    if rule == "rows":
        return EVERY | {"file", "stage"} | _own(OF_FILE, rule)
    return EVERY | {"file", "stage", "column", "masked"} | _own({**OF_COLUMN, **OF_FILE}, rule)


def _own(rules: Mapping[str, frozenset[str]], rule: object) -> frozenset[str]:
    if not isinstance(rule, str) or rule not in rules:
        known = [*rules, *([] if rules is OF_METRIC else [SCHEMA_RULE])]
        raise BadKey("rule", f"must be one of {', '.join(known)}")
    return rules[rule]


def _need(check: Check) -> None:
    rule = check["rule"]
    if rule == SCHEMA_RULE and "schema" not in check:
        raise BadKey("schema", "is missing")
    if "file" in check and rule not in ("rows", SCHEMA_RULE) and "column" not in check:
        raise BadKey("column", "is missing")
    for key, needing in (("type", "type"), ("values", "allowed"), ("hours", "fresh")):
        if rule == needing and key not in check:
            raise BadKey(key, "is missing")
    if rule == "change" and "change" not in check:
        raise BadKey("change", "is missing")
    if rule in ("range", "rows") and not check.keys() & {"min", "max", "change"}:
        raise BadKey("min", "is missing, and max too: give one of them")
    if "min" in check and "max" in check and check["min"] > check["max"]:
        raise BadKey("max", "must not be less than min")


def _name_of(check: Check) -> str:
    of = check.get("metric") or " ".join(filter(None, [check["file"], check.get("column")]))
    if check["rule"] == SCHEMA_RULE:
        return f"{of}: {check['schema']}"[:LONGEST_NAME]
    return f"{of}: {check['rule'].replace('_', ' ')}"[:LONGEST_NAME]


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= LONGEST_NAME:
        raise BadKey(key, f"must be a text of 1 to {LONGEST_NAME} characters")
    if not value.isprintable():
        raise BadKey(key, "must not hold control characters")
    return value.strip()


def _number(key: str, value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not abs(value) <= 1e300:  # type: ignore[arg-type]  # nan is not, either
        raise BadKey(key, "must be a number")
    return value  # type: ignore[return-value]


def _positive(key: str, value: object) -> float:
    if _number(key, value) <= 0:
        raise BadKey(key, "must be above 0")
    return _number(key, value)


def _file(*endings: str) -> Callable[[str, object], str]:
    def rule(key: str, value: object) -> str:
        try:
            path = safe_path(_text(key, value))
        except BadName as problem:
            raise BadKey(key, f"must be the name of a file: {problem}") from None
        if not path.lower().endswith(endings):
            raise BadKey(key, f"must end in one of {', '.join(endings)}")
        return path

    return rule


def _one_of(*choices: str) -> Callable[[str, object], str]:
    def rule(key: str, value: object) -> str:
        if value not in choices:
            raise BadKey(key, f"must be one of {', '.join(choices)}")
        return str(value)

    return rule


def _values(key: str, value: object) -> list[str | float]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_VALUES:
        raise BadKey(key, f"must be a list of 1 to {MOST_VALUES} values")
    if not all(isinstance(one, str | int | float) for one in value):
        raise BadKey(key, "must be texts, numbers, true or false")
    return [_text(key, one) if isinstance(one, str) else one for one in value]


def _columns(key: str, value: object) -> list[str]:
    if not isinstance(value, list) or len(value) > MOST_VALUES:
        raise BadKey(key, "must be a list of columns")
    return [_text(key, column) for column in value]


_RULES: dict[str, Callable[[str, object], JSON]] = {
    "name": _text,
    "rule": _text,
    "severity": _one_of("block", "warn"),
    "metric": _text,
    "file": _file(*TABLES),
    "schema": _file(*SCHEMAS),
    "stage": _one_of("output", "input"),
    "column": _text,
    "masked": _columns,
    "type": _one_of(*TYPES),
    "values": _values,
    "min": _number,
    "max": _number,
    "change": _positive,
    "hours": _positive,
}
