"""A supervisor over small programs, as a process of its own: `python -m tests.common.troupe FOLDER PLAY`.

Every program writes what happens to it into FOLDER/events, one `name event` a line.
"""

import os
import sys
from pathlib import Path
from signal import SIGTERM

from portal.common.supervisor import CannotStart, Program, Supervisor, guarded

ACTOR = """
import os, signal, subprocess, sys, time
name, folder, habit = sys.argv[1:]

def tell(event):
    with open(folder + "/events", "a") as events:
        events.write(f"{name} {event} {os.getpid()}\\n")

def leave(number, frame):
    tell("asked")
    if habit != "stubborn":
        time.sleep(0.2)
        tell("left")
        sys.exit(0)

signal.signal(signal.SIGTERM, leave)
if habit == "parent":  # a grandchild in a session of its own, which ignores polite signals
    sleep = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", sleep], start_new_session=True)
tell("began")
if habit == "broken":
    sys.exit("ERROR the scenery is missing")
print("curtain up", flush=True)
while True:
    time.sleep(600)
"""
PLAYS = {
    "three": [[("redis", "")], [("worker", "parent")], [("web", ""), ("ticker", "")]],
    "stubborn": [[("redis", "")], [("worker", "stubborn")]],
    "broken": [[("redis", "")], [("web", "broken")]],
}


def main(folder: Path, play: str, *, leashed: bool) -> int:
    def actor(name: str, habit: str) -> Program:
        command = [sys.executable, "-c", ACTOR, name, str(folder), habit]
        seconds = 600.0 if habit == "stubborn" else 10.0
        return Program(name, command, stop=((SIGTERM, seconds),), ready_line="curtain up")

    def supervise(guard: int) -> int:
        supervisor = Supervisor(
            stages=[[actor(*who) for who in stage] for stage in PLAYS[play]],
            environment=dict(os.environ),
            logs=folder / "log",
            say=lambda line: print(line, flush=True),
            guard=guard,
        )
        try:
            supervisor.run(
                when_ready=lambda: print("READY", flush=True),
                when_stopping=lambda: print("STOPPING", flush=True),
            )
        except CannotStart as problem:
            print(problem, flush=True)
            return 1
        return 0

    return guarded(supervise, leashed=leashed)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], leashed="--leashed" in sys.argv))
