"""The rules that most schedules have, under the names that people have for them."""

import re
from datetime import date, time
from typing import Any

from django.db import models

from portal.runs.models import Schedule


class Preset(models.TextChoices):
    WEEKDAYS = "weekdays", "Every weekday"
    DAILY = "daily", "Every day"
    WEEKLY = "weekly", "Every week"
    FIRST = "first", "First day of the month"
    LAST = "last", "Last day of the month"
    WORKDAY = "workday", "A working day of the month"
    INTERVAL = "interval", "Every so many minutes or hours"
    CRON = "cron", "By a cron rule"
    AFTER = "after", "After other publications"
    ARRIVAL = "arrival", "When data arrive"


WEEKDAYS = [(n % 7, f"{date(2026, 6, n):%A}") for n in range(1, 8)]  # as cron numbers them
UNITS = [(1, "minutes"), (60, "hours"), (24 * 60, "days")]
NTH = [*((n, f"{n}.") for n in range(1, 16)), (-1, "last"), (-2, "second last"), (-3, "third last")]
_DAYS = {
    Preset.WEEKDAYS: "* * 1-5",
    Preset.DAILY: "* * *",
    Preset.WEEKLY: "* * {weekday}",
    Preset.FIRST: "1 * *",
    Preset.LAST: "L * *",
}
_OF_WORKDAY = {"workday": "nth", "period": "period", "at_time": "at_time"}
_SIMPLE = re.compile(r"(\d{1,2}) (\d{1,2}) (\S+ \S+ \S+)")


def rule_of(data: dict[str, Any]) -> dict[str, Any]:
    """The fields of a schedule that a filled-in preset means: only those of its rule."""
    preset = Preset(data["preset"])
    if preset in _DAYS:
        at: time = data["at_time"]
        days = _DAYS[preset].format(weekday=data["weekday"])
        return {"rule": Schedule.Rule.CRON, "cron": f"{at.minute} {at.hour} {days}"}
    return {"rule": Schedule.Rule(preset.value), **_fields(preset, data)}


def preset_of(schedule: Schedule) -> dict[str, Any]:
    """What `rule_of` makes the schedule's rule of."""
    if schedule.rule == Schedule.Rule.INTERVAL:
        minutes = schedule.every_minutes or 1
        unit = max(size for size, _ in UNITS if minutes % size == 0)
        return {"preset": Preset.INTERVAL, "every": minutes // unit, "unit": unit}
    if schedule.rule == Schedule.Rule.WORKDAY:
        values = {of: getattr(schedule, field) for field, of in _OF_WORKDAY.items()}
        return {"preset": Preset.WORKDAY, **values}
    if schedule.rule == Schedule.Rule.CRON:
        return _preset_of_cron(schedule.cron) | {"cron": schedule.cron}
    return {"preset": Preset(schedule.rule), "needs": schedule.needs}


def _fields(preset: Preset, data: dict[str, Any]) -> dict[str, Any]:
    if preset == Preset.WORKDAY:
        return {field: data[of] for field, of in _OF_WORKDAY.items()}
    if preset == Preset.INTERVAL:
        return {"every_minutes": (data["every"] or 0) * data["unit"]}
    if preset == Preset.CRON:
        return {"cron": data["cron"]}
    return {"needs": data["needs"]} if preset == Preset.AFTER else {}


def _preset_of_cron(cron: str) -> dict[str, Any]:
    simple = _SIMPLE.fullmatch(cron)
    if simple is None:
        return {"preset": Preset.CRON}
    at = time(int(simple[2]), int(simple[1]))
    for preset, days in _DAYS.items():
        for weekday, _ in WEEKDAYS:
            if simple[3] == days.format(weekday=weekday):
                return {"preset": preset, "at_time": at, "weekday": weekday}
    return {"preset": Preset.CRON}
