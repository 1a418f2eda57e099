"""How processor and memory are followed over a run."""

import subprocess
import sys
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from portal.runs.models import Run
from portal.runs.pictures import BOTTOM, TOP, usage_of
from portal.runs.sandbox import usage
from portal.runs.sandbox.curve import MOST_POINTS, Curve
from portal.runs.sandbox.usage import Usage

STEPS = st.lists(
    st.tuples(st.floats(0.25, 2), st.floats(0, 4), st.integers(0, 4000)), min_size=1, max_size=900
)


def filled(steps: list[tuple[float, float, int]]) -> Curve:
    curve, seconds, used = Curve(), 0.0, 0.0
    for length, cores, mb in steps:
        seconds, used = seconds + length, used + cores * length
        curve.add(seconds, Usage(mb, 1, used))
    return curve


@given(STEPS)
def test_curve_is_bounded_and_loses_no_peak(steps: list[tuple[float, float, int]]) -> None:
    curve = filled(steps)

    series = curve.series()
    times = [point[0] for point in series]
    assert 1 <= len(series) <= MOST_POINTS
    assert times == sorted(times)
    assert max(curve.peak_mb, curve._peak_mb) == max(mb for _, _, mb in steps)


@given(STEPS)
def test_curve_has_as_much_processor_time_as_was_used(
    steps: list[tuple[float, float, int]],
) -> None:
    curve = filled(steps)

    before = [0.0] + [at for at, _, _ in curve._points]
    widths = [later - one for one, later in pairwise(before)]
    area = sum(
        percent / 100 * width for (_, percent, _), width in zip(curve.series(), widths, strict=True)
    )
    assert abs(area - curve.cpu_seconds) <= 0.01 + 0.005 * before[-1]


def test_curve_bears_a_process_that_the_kernel_forgot() -> None:
    curve = Curve()
    for seconds, used in ((1.0, 2.0), (2.0, 1.0), (3.0, 3.0)):
        curve.add(seconds, Usage(10, 1, used))

    assert [point[1] for point in curve.series()] == [200, 0, 100]


def test_time_of_children_that_have_ended_is_counted_once() -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    source = (
        "import subprocess, sys\n"
        f"subprocess.run([sys.executable, '-S', '-c', {busy!r}])\n"
        "print(flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdout.readline()

    used = usage.usage_of(process.pid).cpu_seconds

    process.communicate(b"\n")
    assert 0.3 <= used < 0.6


def run_with(**resources: object) -> Run:
    return Run(resources=resources)


def test_run_without_a_curve_has_no_picture() -> None:
    assert usage_of(run_with()) is None
    assert usage_of(run_with(seconds=3.0, peak_mb=12)) is None


def test_picture_shows_the_limit_where_it_is_near() -> None:
    curve = [[1.0, 50, 100], [2.0, 150, 400]]

    seen = usage_of(run_with(curve=curve, cpu_seconds=2.0, peak_mb=400, memory_limit_mb=800))

    assert (seen.cpu_percent, seen.cpu.top, seen.memory.top) == (100, 150, 800)
    assert seen.memory.mark == TOP
    assert seen.memory.points[-1] == (316.0, (TOP + BOTTOM) / 2)


def test_picture_is_not_pressed_flat_by_a_limit_far_above() -> None:
    curve = [[1.0, 50, 100], [2.0, 150, 120]]

    seen = usage_of(run_with(curve=curve, cpu_seconds=2.0, peak_mb=120, memory_limit_mb=8000))

    assert (seen.memory.top, seen.memory.mark, seen.limit_mb) == (120, None, 8000)
