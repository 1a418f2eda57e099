"""How processor and memory went over a run of any length, in a bounded number of points."""

from dataclasses import dataclass, field

from portal.runs.sandbox.usage import Usage

MOST_POINTS = 240
FIRST_STEP = 0.25  # seconds between two points, until there are too many


@dataclass
class Curve:
    """Points of (seconds, processor seconds so far, most memory since the point before).

    When there are too many, each two become one and the step doubles: a short run is seen closely, a
    long one from afar, and neither a peak of memory nor a second of processor time is lost.
    """

    step: float = FIRST_STEP
    _points: list[tuple[float, float, int]] = field(default_factory=list)
    _peak_mb: int = 0

    def add(self, seconds: float, usage: Usage) -> bool:
        """Take a sample; whether it made a point."""
        self._peak_mb = max(self._peak_mb, usage.resident_mb)
        if seconds < self._last[0] + self.step:
            return False
        used = max(usage.cpu_seconds, self._last[1])
        self._points.append((seconds, used, self._peak_mb))
        self._peak_mb = 0
        if len(self._points) > MOST_POINTS:
            self._thin()
        return True

    def series(self) -> list[list[float]]:
        """[seconds, per cent of one core, MB] of each point, over the time since the point before."""
        before = [(0.0, 0.0, 0), *self._points]
        return [
            [round(at, 1), round(100 * (used - used_before) / (at - at_before)), mb]
            for (at_before, used_before, _), (at, used, mb) in zip(
                before, self._points, strict=False
            )
        ]

    @property
    def cpu_seconds(self) -> float:
        return round(self._last[1], 2)

    @property
    def peak_mb(self) -> int:
        return max((mb for _, _, mb in self._points), default=0)

    @property
    def _last(self) -> tuple[float, float, int]:
        return self._points[-1] if self._points else (0.0, 0.0, 0)

    def _thin(self) -> None:
        """Of each two points keep the later, with the higher peak; an odd last one stays."""
        points = self._points
        pairs = zip(points[::2], points[1::2], strict=False)
        odd = points[len(points) - len(points) % 2 :]
        self._points = [(at, used, max(mb, first[2])) for first, (at, used, mb) in pairs] + odd
        self.step *= 2
