"""Starts children, restarts the ones that crash, and stops all of them in order."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from writ.kernel import adopt_orphans
from writ.supervise.child import Child, ChildLog, ChildSpec
from writ.supervise.home import CannotStart
from writ.supervise.processes import kill_orphans

BACKOFF_FIRST = 0.5
BACKOFF_MOST = 30.0
HEALTHY_SECONDS = 60.0
"""A child that ran this long has recovered: its next crash is counted as the first."""

CRASHES_AT_START = 3
"""Crashes before the child was ready even once, after which starting again is pointless."""

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Supervisor:
    """Runs children and stops them in `stop_order`; `say` prints one line for a person.

    `waves`: all of a wave start together, and the next wave starts when all of them are ready.
    """

    def __init__(
        self,
        waves: Sequence[Sequence[ChildSpec]],
        *,
        stop_order: Sequence[str],
        logs: Path,
        say: Callable[[str], None],
        guard_seconds: float = 20.0,
        keep_open: Sequence[int] = (),
    ) -> None:
        self._waves = waves
        self._stop_order = stop_order
        self._logs_folder = logs
        self._tell_person = say
        self._guard_seconds = guard_seconds
        self._keep_open = keep_open
        self._children: dict[str, Child] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._starting = 0
        self._others: list[int] = []
        self._guard: subprocess.Popen[str] | None = None
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._failure: CannotStart | None = None

    async def run(self, *, ready: Callable[[], None], then: Sequence[str] | None = None) -> int:
        """Starts everything, calls `ready`, waits for a stop signal (or for the end of the command
        `then`), stops.

        Returns 0, or the exit status of `then`. Raises CannotStart when a child does not become ready.
        """
        self._listen_for_signals()
        self._start_guard()
        status = 0
        try:
            if await self._start_all():
                ready()
                if then is not None:
                    status = await self._run_beside(then)
                else:
                    await self._stopping.wait()
        finally:
            self._stopping.set()
            await self._stop_all()
            await self._clear_orphans()
            self._end_guard()
        if self._failure is not None:
            raise self._failure
        return status

    def _listen_for_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        if not self._stopping.is_set():
            self._stopping.set()
            self._say("Stopping; running jobs get time to finish (Ctrl-C again: hand them back now).")
        elif not self._hurry.is_set():
            self._hurry.set()
            self._say("Stopping at once.")

    def _say(self, text: str) -> None:
        # The terminal may be gone, and that must not keep anything from being stopped.
        with suppress(OSError):
            self._tell_person(text)

    def _start_guard(self) -> None:
        adopt_orphans()
        self._guard = subprocess.Popen(
            [sys.executable, "-m", "writ.supervise.guard", str(self._guard_seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            pass_fds=self._keep_open,
        )
        self._others.append(self._guard.pid)

    def _tell_guard(self, line: str) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            # A guard that somebody killed is missed only by a supervisor that is killed too.
            with suppress(OSError):
                self._guard.stdin.write(line + "\n")
                self._guard.stdin.flush()

    def _end_guard(self) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            with suppress(OSError):
                self._guard.stdin.close()
            self._guard.wait()

    async def _start_all(self) -> bool:
        """Starts the children, wave by wave; False when one failed, or a stop was asked for meanwhile."""
        for wave in self._waves:
            waits = [asyncio.create_task(self._start(spec)) for spec in wave]
            await asyncio.gather(*waits)
            if self._stopping.is_set():
                return False
        return True

    async def _start(self, spec: ChildSpec) -> None:
        """Starts one child and waits until it is ready, has failed, or a stop was asked for."""
        log = ChildLog(spec.name, self._logs_folder, None if spec.quiet else self._say)
        ready = asyncio.Event()
        self._keepers.append(asyncio.create_task(self._keep(spec, log, ready)))
        waits = [asyncio.create_task(ready.wait()), asyncio.create_task(self._stopping.wait())]
        await asyncio.wait(waits, timeout=spec.ready_seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()
        if not ready.is_set() and not self._stopping.is_set():
            self._fail(spec, log, f"was not ready within {spec.ready_seconds:.0f} s")

    async def _keep(self, spec: ChildSpec, log: ChildLog, ready: asyncio.Event) -> None:
        """Runs one child until the supervisor stops; starts it again, after a pause, when it ends by
        itself.
        """
        crashes = 0
        pause = BACKOFF_FIRST
        while not self._stopping.is_set():
            child = Child(spec, log)
            started = time.monotonic()
            self._starting += 1
            self._tell_guard(f"+ {await child.start()}")
            self._children[spec.name] = child
            self._starting -= 1
            probe = asyncio.create_task(self._probe(spec, child, ready))
            status = await child.wait()
            probe.cancel()
            self._tell_guard(f"- {child.pid}")
            await self._clear_orphans()
            if self._stopping.is_set():
                break
            crashes += 1
            if not ready.is_set() and crashes >= CRASHES_AT_START:
                self._fail(spec, log, f"ended {crashes} times before it was ready ({_status(status)})")
                break
            if time.monotonic() - started > HEALTHY_SECONDS:
                pause = BACKOFF_FIRST
            self._say(f"[{spec.name}] ended with {_status(status)}; starting it again in {pause:g} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(pause * 2, BACKOFF_MOST)
        log.close()

    async def _clear_orphans(self) -> None:
        """Ends what a crashed child had started in sessions of their own and left to us."""
        while self._starting:
            await asyncio.sleep(0.02)  # a process that starts is there before its id is known here
        known = [child.pid for child in self._children.values()]
        kill_orphans([*known, *self._others])

    async def _probe(self, spec: ChildSpec, child: Child, ready: asyncio.Event) -> None:
        """Sets `ready` as soon as the child says so; a child without a question is ready once it runs."""
        while child.running and not ready.is_set():
            if spec.ready is None or await spec.ready():
                ready.set()
                return
            await asyncio.sleep(0.05)

    def _fail(self, spec: ChildSpec, log: ChildLog, what: str) -> None:
        if self._failure is not None:
            return  # the first failure is the cause
        lines = "".join(f"\n    {line}" for line in log.tail())
        self._failure = CannotStart(f"{spec.name} {what}. The end of {log.path}:{lines}", code=1)
        self._stopping.set()

    async def _run_beside(self, argv: Sequence[str]) -> int:
        """Runs a command on this terminal and returns its exit status; a stop signal ends it (status 130)."""
        self._starting += 1
        process = await asyncio.create_subprocess_exec(*argv)
        self._others.append(process.pid)
        self._starting -= 1
        waits: set[asyncio.Task[object]] = {
            asyncio.create_task(process.wait()),
            asyncio.create_task(self._stopping.wait()),
        }
        _, left = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        if process.returncode is not None:
            return 1 if process.returncode < 0 else process.returncode
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 5.0)
        if process.returncode is None:
            process.kill()
            await process.wait()
        return 130

    async def _stop_all(self) -> None:
        for name in self._stop_order:
            child = self._children.get(name)
            if child is not None:
                await child.stop(self._hurry)
        await asyncio.gather(*self._keepers)


def _status(status: int) -> str:
    if status >= 0:
        return f"status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def program(*arguments: str) -> tuple[str, ...]:
    """The command line of another process of this same program."""
    return (sys.executable, "-m", "writ.cli", *arguments)


def environment(**changes: str | None) -> dict[str, str]:
    """A copy of the environment with changes; None takes a variable out."""
    merged = dict(os.environ)
    for name, value in changes.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = value
    return merged
