"""What the portal gives to a run. Outside a run: the time of now, and nothing else."""

import json
import os
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Previous:
    """The edition that readers see while this run goes. `number` is 0 when there is none."""

    number: int = 0
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def files(self) -> "dict[str, Path]":
        """Its files by their names, to read only; empty unless `[run] previous_files = true`."""
        folder = os.environ.get("BROADSHEET_PREVIOUS_FILES")
        if not folder:
            return {}
        paths = (path for path in sorted(Path(folder).rglob("*")) if path.is_file())
        return {path.relative_to(folder).as_posix(): path for path in paths}

    def path(self, name: str) -> "Path | None":
        """One of `files`, or None when there is no such file, or no edition yet."""
        return self.files.get(name)


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
