"""Text from outside and names from code, as people read them."""

import pytest

from portal.common.text import label


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("change_percent", "Change percent"),
        ("Revenue", "Revenue"),
        ("AUC", "AUC"),
        ("__p99_ms", "P99 ms"),
        ("_", "_"),
    ],
)
def test_label_reads_as_words(name: str, words: str) -> None:
    assert label(name) == words
