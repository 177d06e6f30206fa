"""The process that takes events on: it gives them their positions, and hands them to the engine of webhooks.

One process at a time does it, on whichever machine; others that run wait for their turn.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from writ.events.purging import Purger
from writ.events.sequencer import NumberedEvent, Sequencer
from writ.settings import Settings
from writ.store.lease import DutyLost, Lease
from writ.store.work import Store

log = structlog.get_logger(__name__)

DUTY = "pump"
LEASE_SECONDS = 5.0
BUSY_SECONDS, IDLE_SECONDS = 0.01, 0.05
"""The pauses between two looks: while events come, and when none has come for `QUIET_SECONDS`."""
QUIET_SECONDS = 2.0
AWAY_SECONDS = 1.0


class Engine(Protocol):
    """What is to happen with events once they have their positions."""

    def take(self, session: Session, events: Sequence[NumberedEvent]) -> None:
        """Write what follows from the events, in the unit of work that numbers them."""
        ...

    def wake(self) -> None:
        """What `take` wrote is committed."""
        ...

    def run(self, stop: threading.Event) -> None:
        """Carry out what was written, in a thread of its own, until `stop` is set."""
        ...


MakeEngine = Callable[[Settings, Store, Lease], Engine]


def run_pump(
    settings: Settings,
    make_engine: MakeEngine,
    *,
    stop: threading.Event | None = None,
) -> None:
    """Take events on until SIGTERM or SIGINT comes, or `stop` is set; waits while the database is away."""
    if stop is None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_, told=stop: told.set())
    store = Store(settings.database, pool_size=4)
    try:
        while not stop.is_set():
            lease = Lease(store, DUTY, LEASE_SECONDS)
            with lease.held(stop) as mine:
                if mine:
                    _on_duty(settings, store, lease, make_engine(settings, store, lease), stop)
    finally:
        store.close()


def _on_duty(settings: Settings, store: Store, lease: Lease, engine: Engine, stop: threading.Event) -> None:
    """Work until told to stop, or until another process has taken the duty over."""
    over, failed = threading.Event(), threading.Event()

    def run_engine() -> None:
        try:
            engine.run(over)
        except Exception:
            log.exception("engine_failed")
        finally:
            failed.set()

    thread = threading.Thread(target=run_engine, name="writ-engine", daemon=True)
    thread.start()
    purger = Purger(settings, store, lease)
    log.info("pump_begins", owner=lease.owner)
    try:
        _number(Sequencer(store, lease), engine, purger, lambda: stop.is_set() or failed.is_set(), stop)
    except DutyLost:
        log.warning("pump_lost_its_duty", owner=lease.owner)
    finally:
        over.set()
        engine.wake()
        thread.join(settings.stop_grace_seconds)
    if failed.is_set() and not stop.is_set():
        stop.wait(AWAY_SECONDS)


def _number(
    sequencer: Sequencer, engine: Engine, purger: Purger, ended: Callable[[], bool], stop: threading.Event
) -> None:
    last_event = time.monotonic()
    while not ended():
        try:
            if sequencer.waiting():
                with sequencer.store.begin() as session:
                    events = sequencer.step(session)
                    engine.take(session, events)
                engine.wake()
                last_event = time.monotonic()
                if len(events) == sequencer.batch:
                    continue
            else:
                purger.look()
        except DutyLost:
            raise
        except SQLAlchemyError as error:
            log.warning("events_wait", seconds=AWAY_SECONDS, reason=str(error)[:200])
            stop.wait(AWAY_SECONDS)
        except Exception:
            # An engine that cannot take an event holds all of them up, and says so until it can.
            log.exception("events_wait", seconds=AWAY_SECONDS)
            stop.wait(AWAY_SECONDS)
        quiet = time.monotonic() - last_event > QUIET_SECONDS
        stop.wait(IDLE_SECONDS if quiet else BUSY_SECONDS)
