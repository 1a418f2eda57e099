"""Makes the finished files of the demo content: `python reports/demo/make.py`, from the project's root.

They are committed, so that nobody needs a browser or the minute this takes. All figures are invented,
from a fixed seed. The PDF is printed by Chromium from `quarterly-review/review.html`.
"""

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
SEED = 20_261_116
CARRIERS = {"DHL": 95.4, "InPost": 94.1, "PostNord": 95.0, "Seur": 91.2}
CITIES = {
    "Hamburg": ("Germany", 53.55, 9.99), "Berlin": ("Germany", 52.52, 13.40),
    "Leipzig": ("Germany", 51.34, 12.37), "Munich": ("Germany", 48.14, 11.58),
    "Warsaw": ("Poland", 52.23, 21.01), "Łódź": ("Poland", 51.76, 19.46),
    "Wrocław": ("Poland", 51.11, 17.04), "Gdańsk": ("Poland", 54.35, 18.65),
    "Stockholm": ("Sweden", 59.33, 18.07), "Malmö": ("Sweden", 55.61, 13.00),
    "Gothenburg": ("Sweden", 57.71, 11.97), "Barcelona": ("Spain", 41.39, 2.17),
    "Madrid": ("Spain", 40.42, -3.70), "Valencia": ("Spain", 39.47, -0.38),
    "Sevilla": ("Spain", 37.39, -5.98),
}


def main() -> None:
    make_lanes(HERE / "late-parcels" / "1" / "late-parcels.json", lanes=28, promise=False)
    make_lanes(HERE / "late-parcels" / "2" / "late-parcels.json", lanes=44, promise=True)
    make_depots(HERE / "depots" / "depots.csv")
    print_review(HERE / "quarterly-review")


def make_lanes(target: Path, *, lanes: int, promise: bool) -> None:
    """A bubble for every lane: how far, how punctual, how many parcels, whose vans."""
    dice = np.random.default_rng(SEED)
    names = list(CITIES)
    rows = []
    while len(rows) < lanes:
        start, end = dice.choice(len(names), size=2, replace=False)
        carrier = list(CARRIERS)[int(dice.integers(len(CARRIERS)))]
        far = distance(names[start], names[end])
        on_time = CARRIERS[carrier] - far / 900 + dice.normal(0, 1.1)
        rows.append((carrier, f"{names[start]} to {names[end]}", far, on_time, dice.lognormal(9.2, 0.6)))
    figure = go.Figure()
    for carrier in CARRIERS:
        own = [row for row in rows if row[0] == carrier]
        figure.add_scatter(
            name=carrier, mode="markers",
            x=[round(row[2]) for row in own], y=[round(row[3], 2) for row in own],
            text=[row[1] for row in own], customdata=[round(row[4]) for row in own],
            marker=dict(
                size=[round(float(np.sqrt(row[4])), 1) for row in own],
                sizemode="area", sizeref=0.25, sizemin=4, opacity=0.75,
            ),
            hovertemplate="<b>%{text}</b><br>%{y:.1f} % on time, %{customdata:,} parcels<extra>%{fullData.name}</extra>",
        )
    if promise:
        figure.add_hline(y=94, line_dash="dash", line_width=1, annotation_text="94 % promised", annotation_position="top right")
    figure.update_layout(
        title=dict(text="The long lanes run late, and Seur’s run latest"),
        xaxis=dict(title="Distance between depots, km", rangemode="tozero"),
        yaxis=dict(title="Parcels on time, %", ticksuffix=" %"),
        legend=dict(orientation="h", y=1.02, yanchor="bottom", x=0), height=540, margin=dict(t=104),
    )
    target.write_text(figure.to_json(pretty=False).replace("NaN", "null"), encoding="utf-8")


def distance(start: str, end: str) -> float:
    """Kilometres along the great circle (haversine formula, radius 6,371 km)."""
    (_, lat1, lon1), (_, lat2, lon2) = CITIES[start], CITIES[end]
    lat1, lon1, lat2, lon2 = np.radians([lat1, lon1, lat2, lon2])
    half = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return float(2 * 6371 * np.arcsin(np.sqrt(half)))


def make_depots(target: Path) -> None:
    """One row for each depot: what it can sort, what it sorted."""
    dice = np.random.default_rng(SEED + 1)
    with target.open("w", newline="", encoding="utf-8") as out:
        table = csv.writer(out)
        table.writerow(["Depot", "Country", "Opened", "Doors", "Capacity per day", "Parcels per day", "Load %"])
        for name, (country, _, _) in CITIES.items():
            for part in ("North", "South", "East", "West")[: int(dice.integers(2, 5))]:
                capacity = int(dice.integers(40, 160)) * 250
                load = float(np.clip(dice.normal(78, 14), 35, 122))
                if (name, part) == ("Valencia", "North"):
                    load = 118.0
                table.writerow([
                    f"{name} {part}", country, f"{int(dice.integers(1998, 2026))}-{int(dice.integers(1, 13)):02}-01",
                    int(dice.integers(8, 64)), capacity, round(capacity * load / 100), f"{load:.1f}",
                ])


def print_review(folder: Path) -> None:
    """The PDF of the review, with one fixed date so that printing it again changes nothing else."""
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto((folder / "review.html").as_uri())
        page.evaluate("document.fonts.ready")
        content = page.pdf(prefer_css_page_size=True, print_background=True, tagged=True)
        browser.close()
    fixed = re.sub(rb"\(D:\d{14}[^)]*\)", b"(D:20261002060000+00'00')", content)
    (folder / "operations-review-q3.pdf").write_bytes(fixed)


if __name__ == "__main__":
    main()
