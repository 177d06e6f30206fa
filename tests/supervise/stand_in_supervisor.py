"""A real supervisor over stand-in children, as a process: `<this file> <folder> <name:trait…>…`."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from writ.supervise.child import ChildSpec
from writ.supervise.home import CannotStart, Home
from writ.supervise.supervisor import Supervisor, environment

HERE = Path(__file__).parent


def started(events: Path, name: str, never: bool) -> Callable[[], Awaitable[bool]]:
    async def ask() -> bool:
        return not never and events.exists() and f"{name} start" in events.read_text()

    return ask


def main() -> int:
    folder = Path(sys.argv[1])
    events = folder / "events"
    specs = []
    for argument in sys.argv[2:]:
        name, *traits = argument.split(":")
        specs.append(
            ChildSpec(
                name,
                (sys.executable, str(HERE / "stand_in.py"), name, *traits),
                environment(EVENTS=str(events)),
                grace_seconds=30.0 if "slow" in traits else 0.5,
                hand_back_seconds=1.0 if traits else 0.0,
                ready=started(events, name, never="crash" in traits),
            )
        )
    try:
        home = Home(folder)
        lock = home.lock()
        home.write(pid=os.getpid())
        supervisor = Supervisor(
            [specs[:1], specs[1:]],
            stop_order=[spec.name for spec in reversed(specs)],
            logs=folder / "logs",
            say=lambda text: print(text, flush=True),
            guard_seconds=0.5,
            keep_open=[lock],
        )
        return asyncio.run(supervisor.run(ready=lambda: print("READY", flush=True)))
    except CannotStart as problem:
        print(problem, flush=True)
        return problem.code


if __name__ == "__main__":
    sys.exit(main())
