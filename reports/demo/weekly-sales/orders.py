"""The order book of Nordhavn Logistics, an invented company: made up anew, always the same.

Every order amount follows from its two minutes and a fixed seed. So a report for any moment of the past
can be computed again and comes out alike, and one for two minutes later differs by what came in.
"""

import numpy as np
import pandas as pd

SEED = 20_260_105
SLOT = pd.Timedelta(minutes=2)
SLOTS_A_DAY = 720
EUROS_A_DAY = 1_300_000

COUNTRIES = {"Germany": 0.38, "Poland": 0.27, "Spain": 0.20, "Sweden": 0.15}
SERVICES = {"Express": 0.30, "Standard": 0.35, "Freight": 0.35}
# Shape of the gamma distribution of one slot's orders: freight is rare and large.
LUMPS = np.array([2.0, 4.0, 0.008])
WEEKDAYS = np.array([1.16, 1.14, 1.10, 1.08, 1.06, 0.80, 0.66])
SWINGS = {"Germany": (41, 0.2), "Poland": (29, 0.0), "Spain": (35, 0.55), "Sweden": (23, 0.8)}


def orders_until(moment: pd.Timestamp, *, weeks: int) -> pd.DataFrame:
    """Euros ordered in each two minutes of the `weeks` up to `moment`, one column a country and service."""
    end = moment.floor("2min")
    start = end - pd.Timedelta(weeks=weeks)
    days = pd.date_range(start.floor("D"), end.floor("D"), freq="D")
    book = pd.concat([_day(day) for day in days])
    return book[(book.index > start) & (book.index <= end)]


def _day(day: pd.Timestamp) -> pd.DataFrame:
    dice = np.random.default_rng([SEED, day.toordinal()])
    shape = (SLOTS_A_DAY, len(COUNTRIES), len(SERVICES))
    lumpy = dice.gamma(np.broadcast_to(LUMPS, shape)) / LUMPS
    share = np.outer([COUNTRIES[name] * _swing(name, day) for name in COUNTRIES], list(SERVICES.values()))
    euros = EUROS_A_DAY / SLOTS_A_DAY * WEEKDAYS[day.dayofweek]
    amounts = euros * _hours()[:, None, None] * share * lumpy
    return pd.DataFrame(
        amounts.reshape(SLOTS_A_DAY, -1),
        index=day + SLOT * np.arange(1, SLOTS_A_DAY + 1),
        columns=pd.MultiIndex.from_product([COUNTRIES, SERVICES], names=["country", "service"]),
    )


def _hours() -> np.ndarray:
    """How busy the day is: quiet at night, busiest in the afternoon; 1 on average."""
    hour = np.arange(SLOTS_A_DAY) / SLOTS_A_DAY * 24
    busy = 0.25 + np.exp(-((hour - 13) ** 2) / 32)
    return busy / busy.mean()


def _swing(country: str, day: pd.Timestamp) -> float:
    """Good and bad months: a slow wave of its own for each country."""
    period, phase = SWINGS[country]
    week = day.toordinal() / 7
    return 1 + 0.22 * np.sin(2 * np.pi * (week / period + phase))
