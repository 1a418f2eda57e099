"""The folders of one attempt at a run; gone when it ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from portal.publishing.uploads import scratch


@dataclass(frozen=True)
class Workplace:
    """`work` holds the bundle's files and is where the code starts; what it leaves in `output` is kept."""

    root: Path

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def output(self) -> Path:
        return self.root / "output"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    @property
    def sockets(self) -> Path:
        return self.root / "ipc"

    @property
    def edition(self) -> Path:
        return self.root / "edition"


@contextmanager
def workplace(run_id: int) -> Iterator[Workplace]:
    """Empty folders of the run's own, removed afterwards, whatever happens."""
    with scratch(f"run-{run_id}-") as root:
        place = Workplace(root)
        for folder in (place.work, place.output, place.home, place.temporary, place.sockets):
            folder.mkdir()
        yield place
