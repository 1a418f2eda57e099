"""Small lines that show how a metric went from edition to edition, drawn as SVG by the templates."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, MARGIN = 180, 34, 3


@dataclass(frozen=True)
class Spark:
    """A metric over editions, oldest first: what it is now, how it moved, and its line in pixels."""

    label: str
    latest: float
    change: float
    editions: int
    points: list[tuple[float, float]]
    unit: str = ""
    better: str = ""  # up or down: which way is good

    @property
    def verdict(self) -> str:
        """better or worse, where somebody said which way is good."""
        if not self.change or not self.better:
            return ""
        return "better" if (self.change > 0) == (self.better == "up") else "worse"

    @property
    def line(self) -> str:
        """For `<polyline points>`."""
        return " ".join(f"{x},{y}" for x, y in self.points)

    @property
    def end(self) -> tuple[float, float]:
        return self.points[-1]


def spark(label: str, values: Sequence[float], *, unit: str = "", better: str = "") -> Spark:
    """The line of at least one value; a metric that never moved runs through the middle."""
    low, high = min(values), max(values)
    step = (WIDTH - 2 * MARGIN) / max(1, len(values) - 1)
    return Spark(
        label=label,
        latest=values[-1],
        change=values[-1] - values[0],
        editions=len(values),
        unit=unit,
        better=better,
        points=[
            (round(MARGIN + index * step, 1), _height(value, low, high))
            for index, value in enumerate(values)
        ],
    )


def _height(value: float, low: float, high: float) -> float:
    """Pixels from the top: the highest value is at the top margin, the lowest at the bottom one."""
    share = (value - low) / (high - low) if high > low else 0.5
    return round(HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN), 1)
