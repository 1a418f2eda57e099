"""A day as a picture: what ran, what runs, what will run, one lane for each worker or publication.

Up to `MOST_MARKS` runs are drawn one by one. Of more, each quarter of an hour of a lane is one mark in
the colour of the worst of its runs, so that the picture is as large with 100,000 runs as with 600.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from portal.runs.models import Run
from portal.runs.operations.days import Day, zone
from portal.runs.operations.forecast import Forecast

LEFT, WIDTH = 17.0, 83.0  # percent
TOP, LANE, BAR = 20, 28, 12  # pixels
LEAST_WIDTH = 0.3  # percent, or a short run would not be seen
MOST_LANES, MOST_MARKS, MOST_READ = 12, 600, 20_000
BINS = 96
LONGEST_NAME = 26
OTHERS, TO_COME = "All others", "To come"
SEVERITY = ("is-done", "is-live", "is-warn", "is-fail")
# A worker's processes come and go, as `machine:pid`; what people know is the machine.
BY = {"worker": "worker", "publication": "variant__publication__title"}


@dataclass(frozen=True)
class Mark:
    """A run, several at once, or what is due in an hour to come."""

    kind: str  # a class of the picture's: is-done, is-warn, is-fail, is-live, is-idle
    x: float
    width: float
    y: float
    height: int
    title: str
    run: int | None = None  # where it leads


@dataclass(frozen=True)
class Lane:
    name: str
    y: int
    marks: list[Mark]

    @property
    def label(self) -> str:
        return self.name if len(self.name) <= LONGEST_NAME else f"{self.name[: LONGEST_NAME - 1]}…"

    @property
    def ground(self) -> int:
        return self.y + LANE // 2


@dataclass(frozen=True)
class Timeline:
    """`total` runs of the day; `now` is where the line of now stands, in percent."""

    lanes: list[Lane]
    ticks: list[tuple[str, float, bool]]
    done: int
    warn: int
    fail: int
    live: int
    now: float | None
    clock: str
    is_binned: bool
    is_cut: bool

    @property
    def height(self) -> int:
        return TOP + LANE * len(self.lanes) + 4

    @property
    def total(self) -> int:
        return self.done + self.warn + self.fail + self.live


@dataclass(frozen=True)
class _Bar:
    pk: int
    lane: str
    state: str
    title: str
    start: datetime
    end: datetime

    @property
    def kind(self) -> str:
        if self.state == Run.State.RUNNING:
            return "is-live"
        if self.state == Run.State.QUARANTINED:
            return "is-warn"
        wrong = (Run.State.FAILED, Run.State.TIMED_OUT, Run.State.LOST)
        return "is-fail" if self.state in wrong else "is-done"


def timeline_of(
    runs: QuerySet[Run], forecast: Forecast, day: Day, *, by: str, at: datetime
) -> Timeline:
    """The picture of one day of these runs, in one query."""
    bars = _bars(runs, day, by=by, at=at)
    lanes = _lanes(bars, day)
    coming = forecast.hours(day, at=at) if day.end > at else Counter[int]()
    if coming:
        lanes.append(_coming(coming, day, at=at, index=len(lanes)))
    counts = Counter(bar.kind for bar in bars)
    return Timeline(
        lanes=lanes,
        ticks=_ticks(day),
        done=counts["is-done"],
        warn=counts["is-warn"],
        fail=counts["is-fail"],
        live=counts["is-live"],
        now=_x(day, at) if day.is_today else None,
        clock=f"{at.astimezone(zone()):%H:%M}",
        is_binned=len(bars) > MOST_MARKS,
        is_cut=len(bars) >= MOST_READ,
    )


def _bars(runs: QuerySet[Run], day: Day, *, by: str, at: datetime) -> list[_Bar]:
    touching = (
        Q(started_at__gte=day.start, started_at__lt=day.end)
        | Q(finished_at__gte=day.start, finished_at__lt=day.end, started_at__isnull=False)
        | Q(state=Run.State.RUNNING, started_at__lt=day.end)
    )
    title = "variant__publication__title"
    rows = (
        runs.filter(touching)
        .order_by("-pk")
        .values_list("pk", BY[by], "state", title, "started_at", "finished_at")[:MOST_READ]
    )
    bars = [
        _Bar(pk, _lane_of(lane, by), state, title, start, end or at)
        for pk, lane, state, title, start, end in rows
        if start is not None
    ]
    return bars[::-1]


def _lane_of(name: str, by: str) -> str:
    return (name.partition(":")[0] if by == "worker" else name) or "no worker"


def _lanes(bars: list[_Bar], day: Day) -> list[Lane]:
    """The lanes with the most trouble, then the busiest; the rest share one."""
    by_lane: dict[str, list[_Bar]] = defaultdict(list)
    for bar in bars:
        by_lane[bar.lane].append(bar)
    ranked = sorted(by_lane, key=lambda name: (-_trouble(by_lane[name]), -len(by_lane[name]), name))
    shown = ranked if len(ranked) <= MOST_LANES else ranked[: MOST_LANES - 1]
    for name in ranked[len(shown) :]:
        by_lane[OTHERS].extend(by_lane[name])
    names = sorted(shown) + ([OTHERS] if len(shown) < len(ranked) else [])
    draw = _binned if len(bars) > MOST_MARKS else _single
    return [
        Lane(name, _middle(index), list(draw(by_lane[name], day, _middle(index))))
        for index, name in enumerate(names)
    ]


def _trouble(bars: Iterable[_Bar]) -> int:
    return sum(bar.kind in ("is-fail", "is-warn") for bar in bars)


def _single(bars: Iterable[_Bar], day: Day, y: int) -> Iterable[Mark]:
    for bar in bars:
        local = bar.start.astimezone(zone())
        words = Run.State(bar.state).label.lower()
        title = f"{bar.title}, {local:%H:%M}, {words}"
        yield _mark(bar.kind, day, bar.start, bar.end, y, title, run=bar.pk)


def _binned(bars: Iterable[_Bar], day: Day, y: int) -> Iterable[Mark]:
    bins: dict[int, list[_Bar]] = defaultdict(list)
    for bar in bars:
        bins[min(BINS - 1, int(day.share(bar.start) * BINS))].append(bar)
    width = (day.end - day.start) / BINS
    for index, inside in sorted(bins.items()):
        start = day.start.astimezone(ZoneInfo("UTC")) + index * width
        worst = max((bar.kind for bar in inside), key=SEVERITY.index)
        title = f"From {start.astimezone(zone()):%H:%M}: {len(inside)} started, {_trouble(inside)} went wrong"
        yield _mark(worst, day, start, start + width * 0.9, y, title)


def _coming(counts: Counter[int], day: Day, *, at: datetime, index: int) -> Lane:
    """One hollow mark for each hour in which something is due."""
    marks, start = [], day.start.astimezone(ZoneInfo("UTC"))
    hours = {start + timedelta(hours=n) for n in range(25) if start + timedelta(hours=n) < day.end}
    for moment in sorted(hours):
        count = counts[moment.astimezone(zone()).hour]
        if count and moment + timedelta(hours=1) > at:
            title = f"{moment.astimezone(zone()):%H:%M}: {count} due"
            begin = max(moment, at)
            end = moment + timedelta(minutes=57)
            marks.append(_mark("is-idle", day, begin, end, _middle(index), title))
    return Lane(TO_COME, _middle(index), marks)


def _mark(
    kind: str, day: Day, start: datetime, end: datetime, y: int, title: str, run: int | None = None
) -> Mark:
    """What went wrong is taller: shape, and not colour alone, tells it apart."""
    height = {"is-fail": 24, "is-warn": 20}.get(kind, BAR)
    x, until = _x(day, start), _x(day, end)
    width = round(max(LEAST_WIDTH, until - x), 2)
    return Mark(kind, x, width, y - height / 2, height, title, run)


def _ticks(day: Day) -> list[tuple[str, float, bool]]:
    """Every third hour of the clock; every other one may be left out on phones."""
    return [
        (f"{hour:02}:00", _x(day, day.start.replace(hour=hour)), hour % 6 != 0)
        for hour in range(0, 24, 3)
    ]


def _x(day: Day, moment: datetime) -> float:
    return round(LEFT + WIDTH * day.share(moment), 2)


def _middle(lane: int) -> int:
    return TOP + LANE * lane + LANE // 2
