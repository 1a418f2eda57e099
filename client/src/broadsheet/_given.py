"""What the portal gives to a run. Outside a run: the time of now, and nothing else."""

import json
import os
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Previous:
    """The edition that readers see while this run goes. `number` is 0 when there is none."""

    number: int = 0
    metrics: dict[str, float] = field(default_factory=dict)


class Run:
    """This run. Read from the environment when first asked, and the same from then on."""

    @cached_property
    def logical_time(self) -> datetime:
        """The time this run is *for*, in UTC: use it instead of the clock."""
        given = os.environ.get("BROADSHEET_LOGICAL_TIME", "")
        if not given:
            return datetime.now(timezone.utc)  # noqa: TID251  outside a run there is only the clock
        return datetime.fromisoformat(given.replace("Z", "+00:00"))  # 3.10 does not read Z

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """What the variant sets, such as `{"region": "EMEA"}`."""
        parameters: dict[str, Any] = json.loads(os.environ.get("BROADSHEET_PARAMETERS") or "{}")
        return parameters

    @cached_property
    def previous(self) -> Previous:
        """What the edition that readers see now says of itself."""
        return Previous(**json.loads(os.environ.get("BROADSHEET_PREVIOUS") or "{}"))


run = Run()
