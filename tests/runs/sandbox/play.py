"""Runs one command in the sandbox, as whoever starts this; the standard library is enough for it.

Standard input: {"level", "source", "root", "readable", "hidden", "network", "environment", "limits"}, where
`root` has the folders work, output and tmp. Standard output: {"outcome": {...}, "heard": "..."}.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from portal.runs.sandbox import Command, Level, Limits
from portal.runs.sandbox.process import run


def main() -> None:
    given = json.load(sys.stdin)
    root = Path(given["root"])
    command = Command(
        [sys.executable, "-c", given["source"]],
        root / "work",
        {"PATH": "/usr/bin:/bin", "TMPDIR": str(root / "tmp"), "WALLS_MARK": given["root"]}
        | given["environment"],
        writable=[root / "output", root / "tmp"],
        readable=[Path(path) for path in given["readable"]],
        hidden=[Path(path) for path in given["hidden"]],
        network=given["network"],
    )
    heard: list[str] = []
    outcome = run(command, Limits(**given["limits"]), heard.append, level=Level(given["level"]))
    print(json.dumps({"outcome": asdict(outcome), "heard": "".join(heard)}))


main()
