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
    def said(self) -> Path:
        """Where the code writes what it says through `import broadsheet`."""
        return self.work / ".broadsheet-said"

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
    def parts(self) -> Path:
        """Where the code writes charts and tables to be published beside the report, a folder each."""
        return self.root / "parts"

    @property
    def previous(self) -> Path:
        """The files of the edition that readers see, where the manifest asks for them; to read only."""
        return self.root / "previous"

    @property
    def writable(self) -> tuple[Path, ...]:
        """Where the code may write, besides its work folder."""
        return (self.output, self.parts, self.home, self.temporary, self.sockets)

    @property
    def stages(self) -> dict[str, Path]:
        """Where the files lie that a declared check is about, by its stage."""
        return {"input": self.work, "output": self.output}

    @property
    def edition(self) -> Path:
        return self.root / "edition"


@contextmanager
def workplace(run_id: int) -> Iterator[Workplace]:
    """Empty folders of the run's own, removed afterwards, whatever happens."""
    with scratch(f"run-{run_id}-") as root:
        root.chmod(0o711)  # the code may be another user, who goes through to folders of its own
        place = Workplace(root)
        for folder in (place.work, *place.writable):
            folder.mkdir()
        yield place
