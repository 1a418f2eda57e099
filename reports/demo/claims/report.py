"""Claims of the day before, from the file that the insurer delivers each morning.

`inbox.txt` stands for the folder to which files are delivered: it has the last day that has one.
"""

import os
import random
from datetime import date, datetime, timedelta
from pathlib import Path

STYLE = "body{font:16px/1.5 system-ui;max-width:44rem;margin:2rem auto;padding:0 1rem}td,th{padding:.3rem .8rem;text-align:right}th:first-child{text-align:left}"
KINDS = {"Damaged": (52, 84), "Lost": (17, 139), "Late": (23, 31)}

wanted = (datetime.fromisoformat(os.environ["BROADSHEET_LOGICAL_TIME"]) - timedelta(days=1)).date()
delivered = date.fromisoformat(Path("inbox.txt").read_text().strip())
print(f"the newest file in the inbox is claims-{delivered}.csv")
if wanted > delivered:
    raise FileNotFoundError(f"claims-{wanted}.csv has not arrived from the insurer yet")

dice = random.Random(wanted.toordinal())
rows, total = "", 0
for kind, (usual, euros) in KINDS.items():
    claims = max(1, round(dice.gauss(usual, usual / 6)))
    total += claims
    rows += f"<tr><th>{kind}</th><td>{claims}</td><td>€ {claims * euros * dice.uniform(0.8, 1.2):,.0f}</td></tr>"
Path(os.environ["BROADSHEET_OUTPUT"], "index.html").write_text(
    f"<!doctype html><html lang=en><meta charset=utf-8><title>Claims, daily</title><style>{STYLE}</style>"
    f"<h1>{total} claims on {wanted:%A, %-d %B}</h1>"
    f"<table><tr><th>For parcels</th><th>Claims</th><th>Claimed</th></tr>{rows}</table>"
)
