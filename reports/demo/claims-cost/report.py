"""What the claims of the day before cost, by carrier. Refreshed after “Claims, daily” has a new edition."""

import os
import random
from datetime import datetime, timedelta
from pathlib import Path

STYLE = "body{font:16px/1.5 system-ui;max-width:44rem;margin:2rem auto;padding:0 1rem}td,th{padding:.3rem .8rem;text-align:right}th:first-child{text-align:left}"
CARRIERS = {"Norlink": 2900, "Parcelwerk": 2100, "Vesta Express": 1650, "Own vans": 480}

day = (datetime.fromisoformat(os.environ["BROADSHEET_LOGICAL_TIME"]) - timedelta(days=1)).date()
dice = random.Random(day.toordinal() * 7)
costs = {carrier: usual * dice.uniform(0.7, 1.3) for carrier, usual in CARRIERS.items()}
rows = "".join(f"<tr><th>{carrier}</th><td>€ {cost:,.0f}</td></tr>" for carrier, cost in costs.items())
Path(os.environ["BROADSHEET_OUTPUT"], "index.html").write_text(
    f"<!doctype html><html lang=en><meta charset=utf-8><title>Cost of claims by carrier</title><style>{STYLE}</style>"
    f"<h1>€ {sum(costs.values()):,.0f} of claims on {day:%A, %-d %B}</h1>"
    f"<table><tr><th>Carrier</th><th>Claimed</th></tr>{rows}</table>"
)
