"""What a step is given."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from writ.jobs.ledger import LogLine, fenced
from writ.jobs.models import Job
from writ.jobs.signals import StopSignal
from writ.store.base import now
from writ.store.work import Store

LINE_CHARACTERS = 4000
HELD_LINES = 5000


class JobContext:
    """What a step of one attempt is given.

    `parameters` is the order. `data` is what steps hand on: stored when a step has succeeded, or at once by
    `keep`. `result` becomes the job's result, `backup_id` the backup that it made. `signal` is a
    `threading.Event` for whoever runs a process: when it is set, the process has to be killed. `services` is
    what the composition root built.
    """

    def __init__(self, job: Job, store: Store, services: Any) -> None:
        self.job_id: UUID = job.id
        self.kind: str = job.kind
        self.attempt: int = job.attempt
        self.site_id: UUID | None = job.site_id
        self.environment_id: UUID | None = job.environment_id
        self.backup_id: UUID | None = job.backup_id
        self.parameters: Mapping[str, Any] = dict(job.parameters)
        self.data: dict[str, Any] = dict(job.data)
        self.result: dict[str, Any] = dict(job.result or {})
        self.services = services
        # On the clock that nobody sets; the keeper moves it on with each renewal.
        self.lease_until: float = math.inf
        if job.lease_expires_at is not None:
            self.lease_until = time.monotonic() + (job.lease_expires_at - now()).total_seconds()
        self.signal = StopSignal(self.lease_over)
        self.step: str | None = None
        self.fraction: float = 0.0
        self._store = store
        self._lines: list[LogLine] = []
        self._lines_lock = threading.Lock()

    def lease_over(self) -> bool:
        """Say whether the lease has run out by the clock; for the stop signal."""
        return time.monotonic() > self.lease_until

    def check(self) -> None:
        """Raise a `Stopped` when the step has to stop: cancelled, too slow, handed back, lease lost."""
        self.signal.check()

    def log(self, message: str, level: str = "info") -> None:
        """Add a line to the job's log (info, warning, error). It is visible within half a second."""
        # PostgreSQL takes no NUL in text; a runaway tool must not fill the memory.
        line = LogLine(now(), level, self.step, message.replace("\0", "\ufffd")[:LINE_CHARACTERS])
        with self._lines_lock:
            if len(self._lines) < HELD_LINES:
                self._lines.append(line)

    def progress(self, fraction: float) -> None:
        """Say how much of this step is done, 0.0 to 1.0. It is visible within half a second."""
        self.fraction = fraction

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """One unit of work of this step: committed at its end, if this attempt still runs the job.

        Keep it short: on SQLite nobody else writes meanwhile. Raises a `Stopped` before it begins, and
        LeaseLost, with everything rolled back, when the job was taken over.
        """
        self.check()
        with self._store.begin() as session:
            yield session
            session.flush()
            fenced(session, self.job_id, self.attempt)

    def keep(self, **values: Any) -> None:
        """Add to `data` and store it now: what `undo` must know if this step is cut off. Raises LeaseLost."""
        self.data.update(values)
        with self._store.begin() as session:
            fenced(session, self.job_id, self.attempt, data=dict(self.data))

    def take_lines(self) -> list[LogLine]:
        """Take the lines that are not written yet; for the runner."""
        with self._lines_lock:
            lines, self._lines = self._lines, []
        return lines

    def put_back(self, lines: list[LogLine]) -> None:
        """Give lines back whose write failed; for the runner."""
        with self._lines_lock:
            self._lines = lines + self._lines
