"""What the warehouse exports about returned parcels: invented, and always the same for one moment."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

REASONS = {"Not at home": 46, "Refused": 21, "Wrong address": 18, "Damaged": 9, "Lost label": 6}
CARRIERS = {"DHL": 44, "InPost": 27, "PostNord": 17, "Seur": 12}


def returns_until(moment: datetime) -> Iterator[dict[str, str]]:
    """One row for every parcel that came back since midnight."""
    dice = random.Random(moment.toordinal())
    time = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    while (time := time + timedelta(seconds=dice.expovariate(1 / 40))) <= moment:
        yield {
            "reason": dice.choices(list(REASONS), list(REASONS.values()))[0],
            "carrier": dice.choices(list(CARRIERS), list(CARRIERS.values()))[0],
        }
