"""Counts of returned parcels: a row for every reason, a column for every carrier."""

import os
from collections import Counter
from datetime import datetime
from pathlib import Path

from warehouse import returns_until

STYLE = "body{font:16px/1.5 system-ui;max-width:44rem;margin:2rem auto;padding:0 1rem}td,th{padding:.3rem .8rem;text-align:right}th:first-child{text-align:left}"

moment = datetime.fromisoformat(os.environ["BROADSHEET_LOGICAL_TIME"])
counts = Counter((row["reason"], row["carrier"]) for row in returns_until(moment))
print(f"{counts.total():,} parcels came back since midnight")
reasons = sorted({reason for reason, _ in counts}, key=lambda one: -sum(counts[pair] for pair in counts if pair[0] == one))
carriers = sorted({carrier for _, carrier in counts})
rows = "".join(
    f"<tr><th>{reason}</th>" + "".join(f"<td>{counts[reason, carrier]}</td>" for carrier in carriers) + "</tr>"
    for reason in reasons
)
head = "".join(f"<th>{carrier}</th>" for carrier in carriers)
Path(os.environ["BROADSHEET_OUTPUT"], "index.html").write_text(
    f"<!doctype html><html lang=en><meta charset=utf-8><title>Returns by reason and carrier</title><style>{STYLE}</style>"
    f"<h1>{counts.total():,} parcels came back since midnight</h1><p>Up to {moment:%H:%M} UTC on {moment:%-d %B %Y}.</p>"
    f"<table><tr><th>Reason</th>{head}</tr>{rows}</table>"
)
