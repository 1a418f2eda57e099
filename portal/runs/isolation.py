"""How strong the walls around authors' code are on this machine: found out once, then used by every run.

The findings are also kept in the data folder, where the pages read what the workers of this machine use.
"""

import json
import logging
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from portal.common.health import Unhealthy
from portal.runs.errors import PlatformError
from portal.runs.sandbox import Level
from portal.runs.sandbox.examination import Ours, Verdict, examine

logger = logging.getLogger(__name__)

FILE = "isolation.json"
LABELS = {
    Level.BUBBLEWRAP: "bubblewrap",
    Level.LANDLOCK: "Landlock",
    Level.PLAIN: "plain: limits only",
}


@dataclass(frozen=True)
class Survey:
    """What was found on a machine, strongest first; `level` is what its runs use, None that none may start."""

    machine: str
    at: datetime
    verdicts: Sequence[Verdict]
    plain_allowed: bool

    @property
    def level(self) -> Level | None:
        works = [verdict.level for verdict in self.verdicts if verdict.works]
        allowed = [level for level in works if level is not Level.PLAIN or self.plain_allowed]
        return allowed[0] if allowed else None

    @property
    def label(self) -> str:
        return LABELS[self.level] if self.level else "none: no run is started"

    @property
    def is_weak(self) -> bool:
        return self.level in {Level.PLAIN, None}

    @property
    def not_used(self) -> list[tuple[str, str]]:
        """Every level that is stronger than the one in use, and why it is not."""
        stronger = []
        for verdict in self.verdicts:
            if verdict.level == self.level:
                break
            allowed = "it works, but BROADSHEET_ALLOW_PLAIN_ISOLATION is not set"
            stronger.append((LABELS[verdict.level], verdict.reason or allowed))
        return stronger


_found: list[Survey] = []


def level() -> Level:
    """The strongest level that stands on this machine; found out at the first call of the process.

    :raises PlatformError: when none does that may be used.
    """
    found = _found[0] if _found else survey(at=timezone.now())
    if found.level is None:
        reasons = "; ".join(f"{label}: {reason}" for label, reason in found.not_used)
        raise PlatformError(
            f"No isolation works on {found.machine}, so no code may run ({reasons}). "
            "Install bubblewrap, or see “Isolation” in the admins' guide."
        )
    return found.level


def survey(*, at: datetime) -> Survey:
    """Try every level now, use the strongest in this process from here on, and keep the findings."""
    found = Survey(
        machine=socket.gethostname(),
        at=at,
        verdicts=[examine(level, _ours()) for level in Level],
        plain_allowed=settings.ALLOW_PLAIN_ISOLATION,
    )
    _found[:] = [found]
    _keep(found)
    logger.info("isolation level=%s machine=%s", found.label, found.machine)
    return found


def last_survey() -> Survey | None:
    """What a process of this machine found last; None before the first worker has started here."""
    try:
        kept = json.loads(_file().read_text("utf-8"))
        verdicts = [Verdict(Level(one["level"]), one["reason"]) for one in kept["verdicts"]]
        moment = datetime.fromisoformat(kept["at"])
        return Survey(kept["machine"], moment, verdicts, kept["plain_allowed"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def check_isolation() -> str:
    """Whether authors' code is walled in, for the health page."""
    found = last_survey()
    if found is None:
        return "no worker has started on this machine"
    if found.is_weak:
        raise Unhealthy(
            f"Authors' code runs with isolation {found.label}. Install bubblewrap and restart the "
            "workers; manage.py isolation tells what is missing."
        )
    return found.label


def hidden() -> list[Path]:
    """Folders of ours that no run may see."""
    return [settings.BASE_DIR, settings.DATA_DIR]


def _ours() -> Ours:
    settings.SCRATCH_DIR.mkdir(parents=True, exist_ok=True)
    database = Path(settings.DATABASES["default"]["NAME"])
    files = [settings.BASE_DIR / "portal" / "settings.py", database]
    return Ours(
        scratch=settings.SCRATCH_DIR,
        hidden=hidden(),
        secret=[file for file in files if file.is_file()],
        readable=[Path(folder) for folder in settings.RUN_READABLE],
    )


def _keep(found: Survey) -> None:
    kept = {**asdict(found), "at": found.at.isoformat()}
    written = _file().with_suffix(".new")
    try:
        written.write_text(json.dumps(kept), "utf-8")
        written.replace(_file())
    except OSError as error:  # a full disk: the pages do not know, the runs do
        logger.warning("isolation_not_kept error=%s", error)


def _file() -> Path:
    return Path(settings.DATA_DIR) / FILE
