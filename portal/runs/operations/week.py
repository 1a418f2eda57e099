"""The hours of the week as a map: where the mornings pile up."""

from collections import Counter
from dataclasses import dataclass

from portal.runs.operations.days import zone
from portal.runs.operations.forecast import Forecast

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LEFT, WIDTH, TOP, HEIGHT = 7.0, 93.0, 16, 20  # the first two in percent, the others in pixels


@dataclass(frozen=True)
class Cell:
    """One hour of a weekday: how many runs are due, and where it is drawn."""

    day: str
    hour: int
    count: int
    x: float
    y: int
    opacity: float
    is_peak: bool

    @property
    def title(self) -> str:
        return f"{self.day} {self.hour:02}:00 to {(self.hour + 1) % 24:02}:00: {self.count} due"


@dataclass(frozen=True)
class Week:
    """Seven days of 24 cells, and what one should see in them.

    What is due every hour would colour them all alike, so it is only counted, as `steady`, beside anything else.
    """

    rows: list[tuple[str, int, list[Cell]]]  # the day, where its name stands, its hours
    total: int
    steady: int
    peak: Cell | None
    is_cut: bool

    @property
    def ticks(self) -> list[tuple[int, float]]:
        return [(hour, _x(hour)) for hour in range(0, 24, 3)]


cell_width = round(WIDTH / 24 * 0.94, 2)
picture_height = TOP + 7 * HEIGHT


def week_of(forecast: Forecast) -> Week:
    """The coming seven days by weekday and hour where the installation is."""
    counts: Counter[tuple[int, int]] = Counter()
    total, steady = sum(forecast.by_minute.values()), sum(forecast.steady.values())
    hidden = forecast.steady if steady < total else {}
    for time, count in forecast.by_minute.items():
        local = time.astimezone(zone())
        counts[local.weekday(), local.hour] += count - hidden.get(time, 0)
    most = max(counts.values(), default=0)
    rows = [
        (name, TOP + day * HEIGHT + 14, [_cell(day, hour, counts, most) for hour in range(24)])
        for day, name in enumerate(DAYS)
    ]
    cells = [cell for _, _, row in rows for cell in row]
    peak = max(cells, key=lambda cell: cell.count)
    return Week(rows, total, steady if hidden else 0, peak if most else None, forecast.is_cut)


def _cell(day: int, hour: int, counts: Counter[tuple[int, int]], most: int) -> Cell:
    count = counts[day, hour]
    share = count / most if most else 0.0
    return Cell(
        day=DAYS[day],
        hour=hour,
        count=count,
        x=_x(hour),
        y=TOP + day * HEIGHT,
        opacity=round(0.12 + 0.88 * share, 2) if count else 0.0,
        is_peak=bool(count) and count == most,
    )


def _x(hour: int) -> float:
    return round(LEFT + WIDTH * hour / 24, 2)
