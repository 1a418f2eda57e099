"""How a run used the machine, as small charts that the templates draw as SVG."""

from dataclasses import dataclass
from typing import Any

from portal.runs.models import Run

WIDTH, TOP, BOTTOM, LEFT, RIGHT = 320, 18, 76, 4, 316  # pixels of the chart; its labels are outside
FAR = 8  # a limit so many times above all values would press them flat, and is not drawn
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Chart:
    """One value over the time of a run, in pixels; `mark` is the height of a level worth a line."""

    points: Points
    top: float  # the value at the upper edge
    mark: float | None = None

    @property
    def line(self) -> str:
        """For `<polyline points>`."""
        return " ".join(f"{x},{y}" for x, y in self.points)

    @property
    def area(self) -> str:
        """For `<polygon points>`: the line and the ground below it."""
        return f"{self.points[0][0]},{BOTTOM} {self.line} {self.points[-1][0]},{BOTTOM}"


@dataclass(frozen=True)
class Usage:
    """What a run uses or has used; without charts while there are no two points."""

    seconds: float
    cpu_seconds: float
    cpu_percent: float  # of one core, on average
    peak_mb: float
    limit_mb: float | None
    cpu: Chart | None = None
    memory: Chart | None = None


def usage_of(run: Run) -> Usage | None:
    """None before the code has started, and for runs from before this was measured."""
    known: dict[str, Any] = run.resources
    curve: list[list[float]] = known.get("curve", [])
    if not curve:
        return None
    seconds, limit = curve[-1][0], known.get("memory_limit_mb")
    average = 100 * known["cpu_seconds"] / seconds if seconds else 0.0
    usage = Usage(seconds, known["cpu_seconds"], round(average), known["peak_mb"], limit)
    if len(curve) < 2:
        return usage
    times = [point[0] for point in curve]
    cpu = _chart(times, [point[1] for point in curve], least=100, mark=average)
    memory = _chart(times, [point[2] for point in curve], least=1, mark=limit)
    return Usage(**{**vars(usage), "cpu": cpu, "memory": memory})


def _chart(times: list[float], values: list[float], *, least: float, mark: float | None) -> Chart:
    """The scale begins at zero and ends at the highest of the values, `least`, and the mark unless it is far."""
    top = max(least, *values)
    if mark is not None and mark <= top * FAR:
        top = max(top, mark)
    else:
        mark = None

    def height(value: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * value / top, 1)

    points = [(float(LEFT), height(values[0]))]  # it holds from the start
    points += [
        (round(LEFT + (RIGHT - LEFT) * at / times[-1], 1), height(value))
        for at, value in zip(times, values, strict=True)
    ]
    return Chart(points, top, None if mark is None else height(mark))
