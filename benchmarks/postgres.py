"""A PostgreSQL server of our own in a folder, to be restarted hard. It never runs as root."""

import os
import shutil
import subprocess
from pathlib import Path

SERVERS = Path("/usr/lib/postgresql")


class Cluster:
    """Started at once, without durability against a power cut: only processes are killed here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        self._call("initdb", "-U", "broadsheet", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=100"
        self._call("pg_ctl", "-l", str(folder / "log"), "-w", "start", "-o", options)

    @property
    def url(self) -> str:
        return f"postgres://broadsheet@{str(self.folder).replace('/', '%2F')}/postgres"

    def restart(self) -> None:
        """End every process of it without warning, and start it again; returns when it answers."""
        self._call("pg_ctl", "-m", "immediate", "-l", str(self.folder / "log"), "-w", "restart")

    def stop(self) -> None:
        self._call("pg_ctl", "-m", "immediate", "stop")

    def _call(self, program: str, *arguments: str) -> None:
        newest = max(SERVERS.glob(f"*/bin/{program}"), key=lambda path: float(path.parts[-3]))
        user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        subprocess.run(
            [*user, str(newest), "-D", str(self.folder / "data"), *arguments],
            cwd=self.folder,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
