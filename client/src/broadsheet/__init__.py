"""What code in a run tells the portal about its results.

    import broadsheet

    broadsheet.metric("revenue", 9_153_220.5, unit="EUR", better="up")
    broadsheet.check("every order has a country", not missing, observed=missing, expected=0)
    broadsheet.figure("revenue-by-week", fig, title="Revenue by week")

Importable in every run without being in its requirements. Outside a run it does nothing but return what
it is given, so the same code runs on a laptop.
"""

from broadsheet._given import Previous, Run, run
from broadsheet._parts import figure, table
from broadsheet._said import check, data_as_of, metric, progress, summary

__all__ = [
    "Previous",
    "Run",
    "check",
    "data_as_of",
    "figure",
    "metric",
    "progress",
    "run",
    "summary",
    "table",
]
