"""The recorder: one process at a time that brings what was recorded into the log, and keeps house."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from writ.records.collecting import Collector
from writ.records.journal import FOLDER
from writ.records.retention import prune
from writ.settings import Settings
from writ.store.lease import DutyLost, Lease
from writ.store.work import Store

log = structlog.get_logger(__name__)

PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 15.0
FIRST_SECONDS = 60.0
"""Duties have their first turn after this time at the latest: a recorder may not live for an hour."""


@dataclass(frozen=True, slots=True)
class Duty:
    """Something that is done every so many seconds, between two batches, by one process at a time.

    It is to do a little at a time and to return: what is recorded waits meanwhile. One that returns True has
    more to do, and gets its next turn after the next batch. One that fails is logged, and tried again when
    its time comes.
    """

    name: str
    run: Callable[[], object]
    seconds: float


def run_recorder(settings: Settings, duties: Iterable[Duty] = ()) -> None:
    """Record until told to stop (SIGTERM, SIGINT); what is there then is recorded first.

    Several may run: one works, the others wait for it to end or to fall silent.
    """
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    store = Store(settings.database, pool_size=2)
    try:
        lease = Lease(store, "recorder", seconds=min(10.0, settings.lease_seconds))
        while not stopped.is_set():
            with lease.held(stopped) as here:
                if here:
                    Recording(settings, store, lease, duties).work(stopped)
    finally:
        store.close()


class Recording:
    """The work of whoever has the lease."""

    def __init__(self, settings: Settings, store: Store, lease: Lease, duties: Iterable[Duty] = ()) -> None:
        self.collector = Collector(store, lease, settings.home_path / FOLDER)
        days = settings.audit_days
        self._duties = [
            Duty("journals", self.collector.forget, 3600.0),
            Duty("retention", lambda: prune(store, lease, days), 60.0),
            *duties,
        ]
        self._due = {duty.name: time.monotonic() + min(duty.seconds, FIRST_SECONDS) for duty in self._duties}

    def work(self, stopped: threading.Event) -> None:
        """Move batches and do duties until told to stop, or until the lease is another's."""
        pause = PAUSE_SECONDS
        while True:
            stopping = stopped.is_set()
            try:
                more = self.collector.move()
                self.do_duties()
                if more:
                    continue
                pause = PAUSE_SECONDS
            except DutyLost:
                log.warning("recorder_replaced")
                return
            except (SQLAlchemyError, OSError) as error:
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                log.warning("recording_postponed", seconds=pause, reason=str(error)[:200])
            if stopping:
                return
            stopped.wait(pause)

    def do_duties(self) -> None:
        """Do what is due.

        Raises:
            DutyLost: the lease is another's.
        """
        for duty in self._duties:
            if time.monotonic() < self._due[duty.name]:
                continue
            self._due[duty.name] = time.monotonic() + duty.seconds
            try:
                if duty.run() is True:
                    self._due[duty.name] = time.monotonic()
            except DutyLost:
                raise
            except (SQLAlchemyError, RedisError) as error:
                log.warning("duty_postponed", duty=duty.name, seconds=duty.seconds, reason=str(error)[:200])
            except Exception:
                log.exception("duty_failed", duty=duty.name)
