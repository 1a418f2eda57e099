"""The slope of log demand over log price, by service: ordinary least squares on ninety days of quotes."""

import math
import os
import random
import statistics
from datetime import datetime
from pathlib import Path

STYLE = "body{font:16px/1.5 system-ui;max-width:44rem;margin:2rem auto;padding:0 1rem}td,th{padding:.3rem .8rem;text-align:right}th:first-child{text-align:left}"
SLOPES = {"Express": -0.6, "Standard": -1.4, "Freight": -0.9}
LOWEST_PRICE = 5.0

day = datetime.fromisoformat(os.environ["BROADSHEET_LOGICAL_TIME"]).date()
rows = ""
for service, slope in SLOPES.items():
    dice = random.Random(f"{service}{day}")
    prices = [dice.uniform(4, 12) for _ in range(90)]
    quotes = [(math.log(price), slope * math.log(price) + dice.gauss(6, 0.2)) for price in prices if price >= LOWEST_PRICE]
    print(f"{service}: {len(quotes)} quotes")
    fit = statistics.linear_regression([x for x, _ in quotes], [y for _, y in quotes])
    rows += f"<tr><th>{service}</th><td>{fit.slope:.2f}</td><td>{len(quotes)}</td></tr>"
Path(os.environ["BROADSHEET_OUTPUT"], "index.html").write_text(
    f"<!doctype html><html lang=en><meta charset=utf-8><title>Price elasticity</title><style>{STYLE}</style>"
    f"<h1>Standard parcels answer to prices most</h1><p>Ninety days up to {day:%-d %B %Y}.</p>"
    f"<table><tr><th>Service</th><th>Elasticity</th><th>Quotes</th></tr>{rows}</table>"
)
