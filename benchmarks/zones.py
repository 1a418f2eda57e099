"""Are due times right wherever people live? 400 time zones, two years, several rules, against a slow reference.

    python -m benchmarks.zones [--zones 400] [--first 2026-01-01] [--years 2]

The reference looks at the clock of every zone at every minute and knows neither cronsim nor our rules. A due
time that only the reference has is missed, one that only ours has (or has twice) is doubled. The last line is JSON.
"""

import argparse
import json
import tempfile
import time as clock
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import numpy as np

from benchmarks.installation import settle

MINUTE, DAY = 60, 86_400
STEP = 15 * MINUTE  # no zone changes its clocks at other minutes nowadays
Times = Any  # of numpy: seconds since 1970


@dataclass(frozen=True)
class Clocks:
    """What the clocks of a zone show at every minute, in seconds since 1970 as if it were UTC."""

    moments: Times
    shown: Times

    def due(self, fits: Times, *, by_real_time: bool) -> set[int]:
        """The moments when a rule is due; `fits` says of every minute of the day whether the rule has it."""
        if by_real_time:
            return set(self.moments[fits[self.shown % DAY // MINUTE]].tolist())
        wanted = np.arange(self.shown[0], self.shown[-1] - 2 * DAY, MINUTE)
        return self._first_shown(wanted[fits[wanted % DAY // MINUTE]])

    def due_on(self, days: list[date], minute: int) -> set[int]:
        midnights = [datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() for day in days]
        return self._first_shown(np.array(midnights, dtype=np.int64) + minute * MINUTE)

    def _first_shown(self, wanted: Times) -> set[int]:
        """When each of these times is first shown; where it never is, when clocks next show a later one."""
        highest = np.maximum.accumulate(self.shown)
        return set(self.moments[np.searchsorted(highest, wanted)].tolist())


def main() -> None:
    """Compare, and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zones", type=int, default=400)
    parser.add_argument("--first", type=date.fromisoformat, default=date(2026, 1, 1))
    parser.add_argument("--years", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="zones-") as folder:
        settle(Path(folder))
        print(json.dumps(compare(options.zones, options.first, options.years)))


def compare(zones: int, first: date, years: int) -> dict[str, object]:
    """What was missed and doubled in so many zones."""
    started, figures = clock.monotonic(), Counter[str]()
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    end = start.replace(year=start.year + years)
    names = sorted(name for name in available_timezones() if "/" in name)[:zones]
    for name in names:
        clocks = _clocks(ZoneInfo(name), start, end)
        for rule, expected in _expected(clocks, start, end).items():
            found = _found(rule, name, start, end)
            wanted = {moment for moment in expected if start.timestamp() < moment}
            wanted = {moment for moment in wanted if moment <= end.timestamp()}
            missed, extra = wanted - set(found), set(found) - wanted
            again = len(found) - len(set(found))
            if missed or extra or again:
                print(
                    f"{name}, {rule}: missed {_shown(missed)}, extra {_shown(extra)}, {again} twice"
                )
            figures["slots"] += len(wanted)
            figures["missed"] += len(missed)
            figures["doubled"] += len(extra) + again
    return {
        "zones": len(names),
        "slots": figures["slots"],
        "missed": figures["missed"],
        "doubled": figures["doubled"],
        "seconds": round(clock.monotonic() - started),
    }


def _clocks(zone: ZoneInfo, start: datetime, end: datetime) -> Clocks:
    first, last = int(start.timestamp()) - 4 * DAY, int(end.timestamp()) + 4 * DAY
    offsets = [
        int(datetime.fromtimestamp(moment, zone).utcoffset().total_seconds())  # type: ignore[union-attr]
        for moment in range(first, last, STEP)
    ]
    moments = np.arange(first, last, MINUTE, dtype=np.int64)
    return Clocks(moments, moments + np.repeat(offsets, STEP // MINUTE)[: len(moments)])


def _expected(clocks: Clocks, start: datetime, end: datetime) -> dict[str, set[int]]:
    """The reference's due times by rule, from sets of minutes and lists of days that are written out."""
    minutes = np.arange(DAY // MINUTE)
    hour, minute = minutes // 60, minutes % 60
    days = [
        (start - timedelta(days=3) + timedelta(days=n)).date()
        for n in range((end - start).days + 6)
    ]
    last_days = [day for day in days if (day + timedelta(days=1)).day == 1]
    working = [day for day in days if day.weekday() < 5]
    third = [
        day for day in working if sum((one.year, one.month) == (day.year, day.month) and one <= day for one in working) == 3
    ]  # fmt: skip
    return {
        "30 2 * * *": clocks.due((hour == 2) & (minute == 30), by_real_time=False),
        "0,30 0-3 * * *": clocks.due((hour < 4) & (minute % 30 == 0), by_real_time=False),
        "*/20 1-3 * * *": clocks.due(
            (hour >= 1) & (hour <= 3) & (minute % 20 == 0), by_real_time=True
        ),
        "15 */3 * * *": clocks.due((hour % 3 == 0) & (minute == 15), by_real_time=True),
        "0 7 * * 1-5": clocks.due_on(working, 7 * 60),
        "15 2 L * *": clocks.due_on(last_days, 135),
        "third working day": clocks.due_on(third, 30),
    }


def _found(rule: str, zone: str, start: datetime, end: datetime) -> list[int]:
    from portal.runs.models import Schedule
    from portal.runs.rules import due_times

    one = Schedule(timezone=zone, starts_at=start, created_at=start)
    if rule[0].isdigit() or rule[0] == "*":
        one.rule, one.cron = Schedule.Rule.CRON, rule
    else:
        one.rule, one.workday, one.at_time = Schedule.Rule.WORKDAY, 3, time(0, 30)
    times = takewhile(lambda due: due <= end, due_times(one, after=start))
    return [int(due.timestamp()) for due in times]


def _shown(moments: set[int]) -> str:
    first = [f"{datetime.fromtimestamp(one, UTC):%Y-%m-%d %H:%MZ}" for one in sorted(moments)[:3]]
    return f"{len(moments)} {first}"


if __name__ == "__main__":
    main()
