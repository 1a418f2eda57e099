"""What the judge of a table tells of the failures that pandera found. The cases are written as pandera writes them."""

from typing import Any

import pandas as pd
import pytest
from broadsheet._schema import _failures

FRAME = pd.DataFrame({"amount": [1, 2], "email": ["alice@x.com", "bob@x.com"]})
RAISED = "ValueError(\"could not convert string to float: 'alice@x.com'\")"


def failure(column: str | None, index: int | None, case: object, *masked: str) -> dict[str, Any]:
    cases = pd.DataFrame(
        [{"column": column, "check": "fits", "failure_case": case, "index": index}], dtype=object
    )
    (found,) = _failures(cases, FRAME, list(masked))
    return found


@pytest.mark.parametrize(
    ("column", "index", "case"),
    [
        (None, None, RAISED),  # a check of the whole table raised
        ("amount", None, RAISED),  # a check of another column did
        ("failure_case", 0, "{'email': 'alice@x.com'}"),  # all columns were to be of one type
        (None, 0, "alice@x.com"),
        ("email", 0, "alice@x.com"),
    ],
)
def test_masked_column_is_told_by_no_failure(
    column: str | None, index: int | None, case: str
) -> None:
    found = failure(column, index, case, "email")

    assert "alice" not in str(found)
    assert found["observed"] == "•••"


def test_values_of_other_columns_are_told_beside_a_masked_one() -> None:
    found = failure("amount", 1, 2, "email")

    assert (found["observed"], found["failing"]) == ("2", 1)
    assert found["sample"] == [{"amount": "2", "email": "•••"}]


def test_without_masked_columns_everything_is_told() -> None:
    assert failure(None, None, RAISED)["observed"] == RAISED
