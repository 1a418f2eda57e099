"""Rows that the database must refuse."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction


def breaks(name: str, change: Callable[[], object]) -> None:
    """The change is refused; SQLite names check constraints, and the columns of unique ones."""
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        change()
    if connection.vendor == "postgresql" or "CHECK" in str(refusal.value):
        assert name in str(refusal.value)


def copy_of(row: Any, **changes: Any) -> Any:
    """The same row once more, not kept yet."""
    row.pk = None
    row._state.adding = True
    for field, value in changes.items():
        setattr(row, field, value)
    return row
