"""Lines of metrics over editions."""

from hypothesis import given
from hypothesis import strategies as st

from portal.publishing.sparks import HEIGHT, MARGIN, WIDTH, spark


def test_spark_puts_the_lowest_value_down_and_the_highest_up() -> None:
    drawn = spark("Revenue", [10.0, 30.0, 20.0])

    assert drawn.points == [(3.0, 31.0), (90.0, 3.0), (177.0, 17.0)]
    assert drawn.line == "3.0,31.0 90.0,3.0 177.0,17.0"
    assert (drawn.latest, drawn.change, drawn.editions) == (20.0, 10.0, 3)


def test_spark_of_one_value_is_a_dot_in_the_middle() -> None:
    assert spark("Revenue", [10.0]).end == (3.0, 17.0)


@given(st.lists(st.floats(min_value=-1e12, max_value=1e12), min_size=1, max_size=60))
def test_spark_stays_inside_its_picture(values: list[float]) -> None:
    for x, y in spark("any", values).points:
        assert MARGIN <= x <= WIDTH - MARGIN
        assert MARGIN <= y <= HEIGHT - MARGIN
