"""Events and notifications are kept for a while, then they go."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from itertools import takewhile
from typing import cast

import structlog
from sqlalchemy import Table, delete, select, update

from writ.events.models import Event, EventLog, Notification
from writ.events.sequencer import ROW
from writ.settings import Settings
from writ.store.base import now
from writ.store.lease import Lease
from writ.store.work import Store

log = structlog.get_logger(__name__)

LOOK_SECONDS = 600.0
BATCH = 1000

_EVENTS, _LOG = cast(Table, Event.__table__), cast(Table, EventLog.__table__)
_NOTIFICATIONS = cast(Table, Notification.__table__)
_OLDEST = (
    select(_EVENTS.c.position, _EVENTS.c.created_at)
    .where(_EVENTS.c.position.is_not(None))
    .order_by(_EVENTS.c.position)
    .limit(BATCH)
)
_OLD_NOTIFICATIONS = select(_NOTIFICATIONS.c.id).order_by(_NOTIFICATIONS.c.created_at).limit(BATCH)


def purge_events(store: Store, before: datetime, lease: Lease | None = None) -> int:
    """Remove the first events of the log that are older than a time, and write down how far it is gone.

    At most `BATCH` at once, so that nobody waits for long; returns how many went. Whoever needs more of an
    event later keeps it.

    Raises:
        DutyLost: `lease` is given, and another process has it now.
    """
    with store.begin() as session:
        if lease is not None:
            lease.fence(session)
        old = list(takewhile(lambda row: row.created_at < before, session.execute(_OLDEST)))
        if old:
            gone = old[-1].position
            session.execute(delete(_EVENTS).where(_EVENTS.c.position <= gone))
            session.execute(update(_LOG).where(_LOG.c.id == ROW).values(purged_position=gone))
    return len(old)


def purge_notifications(store: Store, before: datetime) -> int:
    """Remove notifications that are older than a time, at most `BATCH` at once; how many went."""
    old = _OLD_NOTIFICATIONS.where(_NOTIFICATIONS.c.created_at < before)
    with store.begin() as session:
        found = list(session.scalars(old))
        if found:
            session.execute(delete(_NOTIFICATIONS).where(_NOTIFICATIONS.c.id.in_(found)))
    return len(found)


class Purger:
    """Looks now and then whether something has been kept long enough."""

    def __init__(self, settings: Settings, store: Store, lease: Lease) -> None:
        self._kept = timedelta(days=settings.event_days)
        self._store, self._lease = store, lease
        self._next = 0.0

    def look(self) -> None:
        """Remove what is too old, one batch at a time; does nothing until the next look is due.

        Raises:
            DutyLost: another process has the duty now.
            SQLAlchemyError: the database is away.
        """
        if time.monotonic() < self._next:
            return
        before = now() - self._kept
        gone = purge_events(self._store, before, self._lease)
        told = purge_notifications(self._store, before)
        if gone or told:
            log.info("purged", events=gone, notifications=told)
        if gone < BATCH and told < BATCH:
            self._next = time.monotonic() + LOOK_SECONDS
