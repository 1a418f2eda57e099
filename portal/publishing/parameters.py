"""`[parameters.region]` in `broadsheet.toml`: what a report may be asked for, and what it is given.

    [parameters.region]
    type = "choice"              # or string, number, date, boolean
    choices = ["EMEA", "APAC"]
    default = "EMEA"             # of the default variant, and wherever nobody says otherwise
    label = "Region"
    help = "Where the customer is."

A variant keeps what a person said (“previous month”); a run is given what that means at its logical time
(“2026-10-01”), so that running it again for the same time gives it the same.

Without Django, because child processes import it.
"""

import keyword
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from portal.common.text import label as as_label
from portal.publishing import dates
from portal.publishing.dates import MONTH, NoDate

JSON = Any
Parameter = dict[str, JSON]
Spec = Sequence[Mapping[str, JSON]]

MOST_PARAMETERS = 30
MOST_CHOICES = 100
LONGEST_TEXT = 500
LONGEST_LABEL = 80
LONGEST_HELP = 300
LONGEST_PATTERN = 200
MOST_REPEATS = 3
TYPES = ("string", "number", "date", "choice", "boolean")

OF_EVERY = frozenset({"type", "default", "label", "help"})
OF_TYPE: dict[str, frozenset[str]] = {
    "string": frozenset({"max_length", "pattern"}),
    "number": frozenset({"min", "max", "whole"}),
    "date": frozenset({"granularity"}),
    "choice": frozenset({"choices"}),
    "boolean": frozenset(),
}
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,39}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
# Assigning to these fails, or changes the language, in one of those that notebooks are written in.
_WORDS_OF_R = frozenset(
    [
        "if",
        "else",
        "repeat",
        "while",
        "function",
        "for",
        "next",
        "break",
        "in",
        "TRUE",
        "FALSE",
        "NULL",
        "Inf",
        "NaN",
        "NA",
        "T",
        "F",
    ]
)


class BadKey(ValueError):
    """A key of a declaration that cannot be used."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key} {problem}")
        self.key = key
        self.problem = problem


class BadValues(ValueError):
    """Values that do not fit the declarations; `errors` has a sentence for each, by parameter."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


class _Unfit(Exception):
    """Why one value does not fit: the end of a sentence that begins with the parameter and the value."""


# ---- What an author declares ----


def declared(name: str, table: Mapping[str, object]) -> Parameter:
    """One parameter with every default filled in, and its name.

    :raises BadKey: with the first key that is unknown, missing or ill-typed; an empty key is the name itself.
    """
    check_name(name)
    kind = table.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        raise BadKey("type", f"must be one of {', '.join(TYPES)}")
    known = OF_EVERY | OF_TYPE[kind]
    for key in table:
        if key not in known:
            raise BadKey(
                key, f"does not go with type = {kind!r}; known are {', '.join(sorted(known))}"
            )
    found = {key: _RULES[key](key, value) for key, value in table.items() if key in _RULES}
    parameter = {"name": name, "type": kind, "label": as_label(name), "help": ""} | found
    _need(parameter)
    if "default" not in table:
        raise BadKey("default", "is missing: the default variant uses it")
    parameter["default"] = _default(parameter, table["default"])
    return parameter


def check_name(name: str) -> None:
    """
    :raises BadKey: when code could not have a variable of that name.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or name in _WORDS_OF_R:
        raise BadKey(
            "",
            "cannot be a variable in code: a name begins with a letter and goes on with letters, digits and "
            "underscores, at most 40",
        )


def _need(parameter: Parameter) -> None:
    if parameter["type"] == "choice" and "choices" not in parameter:
        raise BadKey("choices", "is missing")
    least, most = parameter.get("min", -math.inf), parameter.get("max", math.inf)
    if least > most:
        raise BadKey("max", "must not be less than min")


def _default(parameter: Parameter, value: object) -> JSON:
    try:
        return _READ[parameter["type"]](parameter, value)
    except _Unfit as why:
        raise BadKey("default", str(why)) from None


def _line(most: int) -> Callable[[str, object], str]:
    def rule(key: str, value: object) -> str:
        if not isinstance(value, str) or not 1 <= len(value.strip()) <= most:
            raise BadKey(key, f"must be a text of 1 to {most} characters")
        if not value.isprintable():
            raise BadKey(key, "must not hold control characters")
        return value.strip()

    return rule


def _length(key: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LONGEST_TEXT:
        raise BadKey(key, f"must be a whole number from 1 to {LONGEST_TEXT}")
    return value


def _pattern(key: str, value: object) -> str:
    """Only what is judged in no time, whatever a person types: no groups, no alternatives, few repeats."""
    text = _line(LONGEST_PATTERN)(key, value)
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError):
        raise BadKey(key, "must be a regular expression: [A-Z]{2}[0-9]+") from None
    if re.search(r"[(|]|\\[1-9]", text) or len(re.findall(r"[*+?{]", text)) > MOST_REPEATS:
        raise BadKey(
            key, f"must do without groups and alternatives, and repeat at most {MOST_REPEATS} times"
        )
    return text


def _bound(key: str, value: object) -> float:
    if not _is_number(value):
        raise BadKey(key, "must be a number")
    return value  # type: ignore[return-value]


def _yes_or_no(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise BadKey(key, "must be true or false")
    return value


def _granularity(key: str, value: object) -> str:
    if value not in (dates.DAY, dates.MONTH):
        raise BadKey(key, "must be day or month")
    return str(value)


def _choices(key: str, value: object) -> list[str]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_CHOICES:
        raise BadKey(key, f"must be a list of 1 to {MOST_CHOICES} texts")
    choices = [_line(LONGEST_TEXT)(key, one) for one in value]
    if len(set(choices)) < len(choices):
        raise BadKey(key, "has one of them twice")
    return choices


_RULES: dict[str, Callable[[str, object], JSON]] = {
    "label": _line(LONGEST_LABEL),
    "help": _line(LONGEST_HELP),
    "max_length": _length,
    "pattern": _pattern,
    "min": _bound,
    "max": _bound,
    "whole": _yes_or_no,
    "granularity": _granularity,
    "choices": _choices,
}


# ---- What a person says ----


def read(spec: Spec, values: Mapping[str, object]) -> dict[str, JSON]:
    """A person's values as they are kept: typed, relative dates still in words.

    What is missing or None is left out: it follows the default. Texts do for every type, as forms send them.

    :raises BadValues: with a sentence for each value that does not fit.
    """
    known = {one["name"]: one for one in spec}
    kept: dict[str, JSON] = {}
    errors: dict[str, str] = {}
    for name, value in values.items():
        if name not in known:
            errors[name] = _unknown(name, known)
        elif value is not None and not (value == "" and known[name]["type"] != "string"):
            try:
                kept[name] = _READ[known[name]["type"]](known[name], value)
            except _Unfit as why:
                errors[name] = f"{known[name]['label']} “{_shown(value)}” {why}."
    if errors:
        raise BadValues(errors)
    return kept


def resolve(
    spec: Spec, values: Mapping[str, object], logical_time: datetime, timezone: str
) -> dict[str, JSON]:
    """What code is given: a value for every parameter, dates as ISO 8601, relative ones at the logical time.

    :raises BadValues: when a value does not fit what is declared.
    """
    kept = {one["name"]: one["default"] for one in spec} | read(spec, values)
    day = logical_time.astimezone(ZoneInfo(timezone)).date()
    given, errors = dict(kept), {}
    for one in spec:
        if one["type"] == "date":
            try:
                granularity = one.get("granularity", dates.DAY)
                given[one["name"]] = dates.on(day, kept[one["name"]], granularity).isoformat()
            except NoDate:
                errors[one["name"]] = (
                    f"{one['label']} “{kept[one['name']]}” is no date within the years 1 to 9999."
                )
    if errors:
        raise BadValues(errors)
    return given


def in_words(spec: Spec, values: Mapping[str, JSON]) -> list[tuple[str, str]]:
    """Label and value of each parameter that has one here, in the order of the declarations, for people."""
    known = [(one, values[one["name"]]) for one in spec if one["name"] in values]
    return [(one["label"], _words(one, value)) for one, value in known]


def _words(parameter: Mapping[str, JSON], value: JSON) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    whole_month = parameter.get("granularity") == MONTH and re.fullmatch(r"\d{4}-\d{2}-01", text)
    return text[:7] if whole_month else text


def _unknown(name: str, known: Mapping[str, object]) -> str:
    has = f"; there are {', '.join(known)}" if known else ": it declares none"
    return f"“{_shown(name)}” is not a parameter of this version{has}."


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _string(parameter: Mapping[str, JSON], value: object) -> str:
    if not isinstance(value, str):
        raise _Unfit("must be a text")
    most = parameter.get("max_length", LONGEST_TEXT)
    if len(value) > most:
        raise _Unfit(f"is longer than {most} characters")
    if not value.isprintable():
        raise _Unfit("must not hold line breaks or control characters")
    pattern = parameter.get("pattern")
    if pattern and not re.fullmatch(pattern, value):
        raise _Unfit(f"must look like {pattern}")
    return value


def _number(parameter: Mapping[str, JSON], value: object) -> float:
    number = _parsed(value) if isinstance(value, str) else value
    if not _is_number(number):
        raise _Unfit("must be a number")
    assert isinstance(number, int | float)
    if parameter.get("whole"):
        if number != int(number):
            raise _Unfit("must be a whole number")
        number = int(number)
    if "min" in parameter and number < parameter["min"]:
        raise _Unfit(f"must be at least {parameter['min']}")
    if "max" in parameter and number > parameter["max"]:
        raise _Unfit(f"must be at most {parameter['max']}")
    return number


def _parsed(text: str) -> object:
    text = text.strip()
    if len(text) > 40 or not text.isascii() or not _NUMBER.fullmatch(text):
        return None
    return int(text) if re.fullmatch(r"[+-]?[0-9]+", text) else float(text)


def _is_number(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= 1e300  # type: ignore[arg-type]  # nan is not, either


def _date(parameter: Mapping[str, JSON], value: object) -> str:
    granularity = parameter.get("granularity", dates.DAY)
    wanted = dates.MONTH_GRAMMAR if granularity == MONTH else dates.GRAMMAR
    if isinstance(value, date) and not isinstance(value, datetime):
        value = value.isoformat()  # TOML has dates of its own
    if not isinstance(value, str):
        raise _Unfit(f"must be {wanted}")
    try:
        return dates.normal(value, granularity)
    except NoDate:
        raise _Unfit(f"must be {wanted}") from None


def _choice(parameter: Mapping[str, JSON], value: object) -> str:
    if value not in parameter["choices"]:
        raise _Unfit(f"is not a choice; there are {', '.join(parameter['choices'])}")
    return str(value)


def _boolean(parameter: Mapping[str, JSON], value: object) -> bool:
    if isinstance(value, bool):
        return value
    texts = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if not isinstance(value, str) or value.strip().lower() not in texts:
        raise _Unfit("must be yes or no")
    return texts[value.strip().lower()]


_READ: dict[str, Callable[[Mapping[str, JSON], object], JSON]] = {
    "string": _string,
    "number": _number,
    "date": _date,
    "choice": _choice,
    "boolean": _boolean,
}
