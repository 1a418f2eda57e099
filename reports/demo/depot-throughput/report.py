"""Parcels that each depot sorted on the day before, beside its capacity."""

import os
import random
from datetime import datetime, timedelta
from pathlib import Path

STYLE = "body{font:16px/1.5 system-ui;max-width:44rem;margin:2rem auto;padding:0 1rem}td,th{padding:.3rem .8rem;text-align:right}th:first-child{text-align:left}"
CAPACITY = {"Hamburg": 38_000, "Leipzig": 52_500, "Warsaw": 44_000, "Łódź": 31_500, "Malmö": 18_500, "Valencia": 22_000}

day = (datetime.fromisoformat(os.environ["BROADSHEET_LOGICAL_TIME"]) - timedelta(days=1)).date()
dice = random.Random(day.toordinal())
busy = 0.62 if day.weekday() >= 5 else 0.84
sorted_parcels = {depot: round(most * min(1.1, dice.gauss(busy, 0.07))) for depot, most in CAPACITY.items()}
total = sum(sorted_parcels.values())
print(f"{total:,} parcels on {day}")
rows = "".join(
    f"<tr><th>{depot}</th><td>{parcels:,}</td><td>{CAPACITY[depot]:,}</td><td>{100 * parcels / CAPACITY[depot]:.0f} %</td></tr>"
    for depot, parcels in sorted(sorted_parcels.items(), key=lambda pair: -pair[1] / CAPACITY[pair[0]])
)
Path(os.environ["BROADSHEET_OUTPUT"], "index.html").write_text(
    f"<!doctype html><html lang=en><meta charset=utf-8><title>Depot throughput</title><style>{STYLE}</style>"
    f"<h1>{total:,} parcels sorted on {day:%A, %-d %B}</h1>"
    f"<table><tr><th>Depot</th><th>Sorted</th><th>Capacity</th><th>Load</th></tr>{rows}</table>"
)
