"""What a run may say about its results, and what is turned down."""

from pathlib import Path

import pytest

from portal.common.refusals import Refused
from portal.runs import results


def read(tmp_path: Path, text: str) -> dict[str, object]:
    path = tmp_path / results.NAME
    path.write_text(text)
    return results.read(str(path))


def test_time_and_metrics_are_read(tmp_path: Path) -> None:
    said = read(
        tmp_path, '{"data_as_of": "2026-11-15T00:00:00Z", "metrics": {"revenue": 12.5, "n": 3}}'
    )

    assert said == {
        "data_as_of": "2026-11-15T00:00:00+00:00",
        "metrics": {"revenue": 12.5, "n": 3},
    }


def test_everything_may_be_left_out(tmp_path: Path) -> None:
    assert read(tmp_path, "{}") == {"data_as_of": "", "metrics": {}}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "larger than|not JSON"),
        ("[" * 50_000, "not JSON"),
        ("[1]", "must be an object"),
        ('{"metric": {}}', "'metric' is not known"),
        ('{"data_as_of": "yesterday"}', "must look like"),
        ('{"data_as_of": 5}', "must look like"),
        ('{"data_as_of": "2026-11-15T00:00:00"}', "needs its offset"),
        ('{"metrics": [1]}', "must be an object"),
        ('{"metrics": {"a": "1"}}', "must be a number"),
        ('{"metrics": {"a": true}}', "must be a number"),
        ('{"metrics": {"a": NaN}}', "finite"),
        ('{"metrics": {"a": 1e999}}', "finite"),
        ('{"metrics": {"a": %s}}' % ("9" * 400), "finite"),
        ('{"metrics": {"": 1}}', "1 to 80 characters"),
        ('{"metrics": {"%s": 1}}' % ("x" * 81), "1 to 80 characters"),
    ],
)
def test_anything_else_is_refused_with_its_reason(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(Refused, match=says) as refusal:
        read(tmp_path, text)

    assert refusal.value.code == "results_invalid"
