"""The pool: a parent that keeps workers and a sweeper alive; it opens no connection for them to share."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType

import structlog
from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from writ import kernel
from writ.jobs import transport
from writ.jobs.sweeper import sweep
from writ.jobs.worker import Build, connect, run_worker
from writ.settings import Settings
from writ.store.work import Store

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 15.0
STEADY_SECONDS = 10.0
HAND_BACK_SECONDS = 10.0


@dataclass(slots=True)
class _Member:
    """One process that the pool keeps alive."""

    name: str
    main: Callable[[], None]
    pid: int = 0
    started: float = 0.0
    failures: int = 0
    again_at: float = 0.0


def run_sweeper(settings: Settings) -> None:
    """Sweep every second until told to stop; waits, ever longer, while the database or Redis is away."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _stop_main(stopped))
    store, redis = Store(settings.database, pool_size=2), connect(settings)
    transport.use(store, redis)
    pause = SWEEP_SECONDS
    try:
        while not stopped.is_set():
            try:
                sweep(store, redis, settings)
                pause = SWEEP_SECONDS
            except (SQLAlchemyError, RedisError) as error:
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                log.warning("sweep_postponed", seconds=pause, reason=str(error)[:200])
            time.sleep(pause)
    except _Stop:
        pass
    finally:
        store.close()


class _Stop(BaseException):
    """Told to stop: leaves a sleep at once, and a sweep by rolling it back."""


def _stop_main(stopped: threading.Event) -> None:
    if not stopped.is_set():
        stopped.set()
        raise _Stop


class Pool:
    """Keeps `count` workers and one sweeper alive; restarts the dead, ever later if they die at once."""

    def __init__(self, settings: Settings, count: int, build: Build) -> None:
        self.settings = settings
        self.signals = 0
        self.members = [_Member("sweeper", lambda: run_sweeper(settings))] + [
            _Member(f"worker-{number + 1}", lambda: run_worker(settings, build)) for number in range(count)
        ]

    def run(self) -> None:
        """Run until told to stop (SIGTERM, SIGINT), then let the running jobs finish, or hand them back.

        Jobs get `stop_grace_seconds` to finish; then, or at a second signal, they are handed back.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._count)
        try:
            while not self.signals:
                self._look()
                time.sleep(0.1)
        finally:
            self._stop()

    def _count(self, _signum: int, _frame: FrameType | None) -> None:
        self.signals += 1

    def _look(self) -> None:
        moment = time.monotonic()
        for member in self.members:
            if member.pid and self._ended(member):
                lived = moment - member.started
                member.failures = 0 if lived > STEADY_SECONDS else member.failures + 1
                pause = min(0.2 * 2**member.failures, LONGEST_PAUSE_SECONDS)
                member.again_at = moment + pause
                log.warning("member_ended", member=member.name, lived=round(lived, 1), again_in=pause)
            if not member.pid and moment >= member.again_at and not self.signals:
                self._start(member)

    def _start(self, member: _Member) -> None:
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            member.pid, member.started = pid, time.monotonic()
            return
        code = 1
        try:
            # A group of its own: Ctrl-C reaches the parent alone, which then says when to stop, and how.
            os.setpgid(0, 0)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            kernel.die_with_parent(parent)
            member.main()
            code = 0
        except BaseException:
            log.exception("member_failed", member=member.name)
        finally:
            with suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _ended(self, member: _Member) -> bool:
        try:
            pid, _status = os.waitpid(member.pid, os.WNOHANG)
        except ChildProcessError:
            pid = member.pid
        if pid:
            member.pid = 0
        return bool(pid)

    def _stop(self) -> None:
        self._signal_all(signal.SIGTERM)
        if not self._wait(self.settings.stop_grace_seconds, until_signals=2):
            self._signal_all(signal.SIGTERM)
            # A worker kills a job's process that does not hand back in time; it needs a moment for that.
            if not self._wait(max(self.settings.stop_grace_seconds, HAND_BACK_SECONDS) + 2):
                self._signal_all(signal.SIGKILL)
                self._wait(2)

    def _signal_all(self, number: signal.Signals) -> None:
        for member in self.members:
            if member.pid and not self._ended(member):
                with suppress(ProcessLookupError):
                    os.kill(member.pid, number)

    def _wait(self, seconds: float, until_signals: int | None = None) -> bool:
        """Wait for all members to end; False when the time is over or somebody signals again."""
        give_up_at = time.monotonic() + seconds
        while time.monotonic() < give_up_at:
            if all(not member.pid or self._ended(member) for member in self.members):
                return True
            if until_signals is not None and self.signals >= until_signals:
                return False
            time.sleep(0.05)
        return all(not member.pid or self._ended(member) for member in self.members)


def run_pool(settings: Settings, count: int, build: Build) -> None:
    """Keep `count` workers and a sweeper alive until told to stop; see `Pool.run`.

    `build` makes the services of a job's process. The caller has imported all kinds of job and opened no
    connection.
    """
    Pool(settings, count, build).run()
