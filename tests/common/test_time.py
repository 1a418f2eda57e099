"""Durations in words."""

from datetime import timedelta

import pytest

from portal.common.time import in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (194, "3 min 14 s"),
        (3600, "1 h"),
        (6120, "1 h 42 min"),
        (172_800, "2 days"),
    ],
)
def test_duration_is_said_in_at_most_two_units(seconds: float, words: str) -> None:
    assert in_words(timedelta(seconds=seconds)) == words
