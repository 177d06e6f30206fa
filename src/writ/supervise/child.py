"""One child of the supervisor: its process, its log file, and everything that it has started itself."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from logging.handlers import RotatingFileHandler
from pathlib import Path

from writ.kernel import die_with_parent
from writ.supervise.processes import Process, belonging_to, kill, kill_group, still_running

LOG_BYTES = 5 << 20
LOGS_KEPT = 3
SERIOUS = re.compile(
    r'"level": ?"(?:warning|error|critical)"|\[(?:warning|error|critical) *\]|\b(?:WARNING|ERROR|CRITICAL)\b'
    r"|^Traceback \(|^Error: ",
)
"""Lines that the terminal shows too; all others are for the log file."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to run and how to stop it.

    `grace_seconds`: time between the first SIGTERM and the second; `hand_back_seconds`: time between the
    second and SIGKILL (0: the second SIGTERM is left out). `ask_to_stop` is tried before any signal.
    `ready` is polled after the start, before the next child is started. `quiet`: its log is for the file
    only. `env` is the child's whole environment.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    quiet: bool = False
    grace_seconds: float = 10.0
    hand_back_seconds: float = 0.0
    ask_to_stop: Callable[[], bool] | None = None
    ready: Callable[[], Awaitable[bool]] | None = None
    ready_seconds: float = 60.0


class ChildLog:
    """The log file of a child, with rotation by size; serious lines go on to `show` as well, if given."""

    def __init__(self, name: str, folder: Path, show: Callable[[str], None] | None) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder / f"{name}.log"
        self._handler = RotatingFileHandler(
            self.path, maxBytes=LOG_BYTES, backupCount=LOGS_KEPT, errors="replace"
        )
        self._prefix = f"[{name}] "
        self._show = show

    def line(self, text: str) -> None:
        """Writes one line."""
        self._handler.emit(logging.LogRecord("", logging.INFO, "", 0, text, None, None))
        if self._show is not None and SERIOUS.search(text):
            # The first line of a traceback alone tells nothing, and all of it belongs in the file.
            self._show(self._prefix + (f"a traceback: see {self.path}" if text.startswith("Trace") else text))

    async def copy(self, descriptor: int) -> None:
        """Copies a child's output from a pipe, line by line, to its end, and closes the pipe.

        Lines over 64 KiB are cut into several.
        """
        stream = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(descriptor, "rb", buffering=0)
        )
        rest = b""
        try:
            while chunk := await stream.read(1 << 16):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self.line(line.decode(errors="replace"))
                if len(rest) >= 1 << 16:
                    self.line(rest.decode(errors="replace"))
                    rest = b""
        finally:
            transport.close()
            if rest:
                self.line(rest.decode(errors="replace"))

    def tail(self, lines: int = 15) -> list[str]:
        """The last lines of the file."""
        with suppress(OSError):
            return self.path.read_text(errors="replace").splitlines()[-lines:]
        return []

    def close(self) -> None:
        """Closes the file."""
        self._handler.close()


class Child:
    """A running child: leader of a session of its own, so that the terminal's Ctrl-C reaches the
    supervisor only.
    """

    def __init__(self, spec: ChildSpec, log: ChildLog) -> None:
        self.spec = spec
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._copy: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Starts the process and returns its id."""
        # A pipe of our own: with one of asyncio's, `wait` would wait for whoever still holds its other end.
        reading, writing = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self.spec.argv,
                env=dict(self.spec.env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
                preexec_fn=partial(die_with_parent, os.getpid()),
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self._copy = asyncio.create_task(self._log.copy(reading))
        return self._process.pid

    @property
    def pid(self) -> int:
        """The id of the process; 0 before the start."""
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process is not None and self._process.returncode is None

    async def wait(self) -> int:
        """Waits for the end and returns the exit status (negative: the signal), once nothing of it is
        left.
        """
        if self._process is None:
            return 0
        status = await self._process.wait()
        # What a crashed child leaves behind would go on working beside its successor.
        kill(belonging_to([self.pid]))
        kill_group(self.pid, signal.SIGKILL)
        if self._copy is not None:
            done, _ = await asyncio.wait([self._copy], timeout=2.0)
            if not done:
                self._copy.cancel()
        return status

    async def stop(self, hurry: asyncio.Event) -> None:
        """Ends the process as its spec says; `hurry` cuts every waiting time short. Nothing of it is left
        after.
        """
        if not self.running:
            return
        family = belonging_to([self.pid])
        if self.spec.ask_to_stop is None or not await asyncio.to_thread(self.spec.ask_to_stop):
            self._terminate()
        if not await self._ended(self.spec.grace_seconds, hurry) and self.spec.hand_back_seconds:
            self._terminate()
            await self._ended(self.spec.hand_back_seconds, None)
        if self.running:
            family = [*family, *belonging_to([self.pid])]
            kill_group(self.pid, signal.SIGKILL)
            await self._ended(5.0, None)
        await self._sweep(family)

    def _terminate(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.terminate()

    async def _ended(self, seconds: float, hurry: asyncio.Event | None) -> bool:
        if self._process is None:
            return True
        waits: set[asyncio.Task[object]] = {asyncio.create_task(self._process.wait())}
        if hurry is not None:
            waits.add(asyncio.create_task(hurry.wait()))
        _, left = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        return not self.running

    async def _sweep(self, family: list[Process]) -> None:
        """Kills what is left of the child's processes; those that were about to end get a moment."""
        for _ in range(20):
            if not still_running(family):
                return
            await asyncio.sleep(0.05)
        kill(family)
