"""The keeper: the thread that keeps the lease alive and watches over the running step."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from writ.jobs.context import JobContext
from writ.jobs.ledger import fenced, write_log
from writ.jobs.models import RUNNING, Job
from writ.jobs.signals import LeaseLost, Reason
from writ.store.base import now
from writ.store.work import Store

log = structlog.get_logger(__name__)

TICK_SECONDS = 0.3


class Keeper(threading.Thread):
    """Renews the lease every third of it, writes log and progress, and stops the step when it has to stop.

    `percent` gives the job's progress now, `hand_back` whether this worker was told to stop. What stops a
    step: its cancellation, its `deadline`, a worker that stops while the step `may_hand_back`, a lease that
    was lost or could not be renewed in time.
    """

    def __init__(
        self,
        store: Store,
        context: JobContext,
        *,
        lease_seconds: float,
        percent: Callable[[], int],
        hand_back: Callable[[], bool],
    ) -> None:
        super().__init__(name=f"keeper-{context.job_id}", daemon=True)
        self.lost = False
        self.cancel_requested = False
        self.watch_cancellation = True
        self.may_hand_back = False
        self.deadline: float | None = None
        self._store = store
        self._context = context
        self._lease = lease_seconds
        self._percent = percent
        self._hand_back = hand_back
        self._written = percent()
        self._renewed = time.monotonic()
        self._done = threading.Event()

    def run(self) -> None:
        """Watch until `finish`."""
        tick = min(TICK_SECONDS, self._lease / 4)
        while not self._done.wait(tick):
            try:
                self._look()
            except LeaseLost:
                self._lose()
                return
            except SQLAlchemyError as error:
                # The database may come back before the lease is over.
                log.warning("keeper_cannot_reach_database", reason=str(error)[:200])
            if time.monotonic() - self._renewed > self._lease:
                self._lose()
                return
            if self.deadline is not None and time.monotonic() > self.deadline:
                self._context.signal.stop(Reason.TIMEOUT)
            if self.cancel_requested and self.watch_cancellation:
                self._context.signal.stop(Reason.CANCELLED)
            if self.may_hand_back and self._hand_back():
                self._context.signal.stop(Reason.HAND_BACK)

    def _look(self) -> None:
        lines = self._context.take_lines()
        percent = self._percent()
        begun = time.monotonic()
        if not lines and percent == self._written and begun - self._renewed < self._lease / 3:
            query = select(Job.cancel_requested_at, Job.attempt, Job.status).where(
                Job.id == self._context.job_id
            )
            with self._store.read() as connection:
                row = connection.execute(query).one_or_none()
            if row is None or row.attempt != self._context.attempt or row.status != RUNNING:
                raise LeaseLost
            self.cancel_requested = row.cancel_requested_at is not None
            return
        values: dict[str, object] = {"lease_expires_at": now() + timedelta(seconds=self._lease)}
        if percent != self._written:
            values |= {"progress": percent, "version": Job.version + 1}
        try:
            with self._store.begin() as session:
                asked = fenced(session, self._context.job_id, self._context.attempt, **values)
                write_log(session, self._context.job_id, lines)
        except BaseException:
            self._context.put_back(lines)
            raise
        self.cancel_requested = asked is not None
        self._written, self._renewed = percent, begun
        self._context.lease_until = begun + self._lease

    def _lose(self) -> None:
        if not self._done.is_set():
            self.lost = True
            self._context.signal.stop(Reason.LEASE_LOST)

    def finish(self) -> None:
        """Stop watching; returns when the thread has ended."""
        self._done.set()
        if self.is_alive():
            self.join()
