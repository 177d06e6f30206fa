"""Positions: the one order in which everybody sees events.

Numbers that a database gives out before a commit do not say what is visible: the later of two transactions
may have the lower one, and who reads up to the highest misses what is still to come below it. Positions are
given out after the commit, by one process at a time and without gaps, so whoever saw one has seen all before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from writ.events.models import TOLD_COLUMNS, Event, EventLog
from writ.store.lease import Lease
from writ.store.prepared import Prepared
from writ.store.work import Store

BATCH = 500
ROW = 1
"""The id of the one row of the table that says where the log stands."""

_EVENTS, _LOG = cast(Table, Event.__table__), cast(Table, EventLog.__table__)
_WAITING = Prepared(select(_EVENTS.c.sequence).where(_EVENTS.c.position.is_(None)).limit(1))
_LAST = select(_LOG.c.last_position).where(_LOG.c.id == ROW)
_NEXT = (
    select(
        _EVENTS.c.sequence,
        func.row_number().over(order_by=_EVENTS.c.sequence).label("place"),
    )
    .where(_EVENTS.c.position.is_(None))
    .order_by(_EVENTS.c.sequence)
    .limit(bindparam("limit"))
    .subquery("waiting")
)
_NUMBER = (
    update(_EVENTS)
    .where(_EVENTS.c.sequence == _NEXT.c.sequence)
    .values(position=bindparam("last") + _NEXT.c.place)
    .returning(*TOLD_COLUMNS, _EVENTS.c.subscription_id)
)
_ADVANCE = update(_LOG).where(_LOG.c.id == ROW).values(last_position=bindparam("reached"))


@dataclass(frozen=True, slots=True)
class NumberedEvent:
    """An event with its place in the order; the other fields are those of its row."""

    position: int
    id: UUID
    type: str
    organization_id: UUID
    project_id: UUID | None
    subject: str
    data: dict[str, Any]
    changes: dict[str, Any] | None
    created_at: datetime
    subscription_id: UUID | None


def number_events(session: Session, limit: int = BATCH) -> list[NumberedEvent]:
    """Give the next positions to at most so many events that were committed without one; those events.

    Only for who holds the lease of this duty, in a unit of work that it fences: see `Sequencer`.
    """
    connection = session.connection()
    last = connection.execute(_LAST).scalar_one_or_none()
    if last is None:
        last = 0
        connection.execute(insert(_LOG).values(id=ROW, last_position=0, purged_position=0))
    rows = connection.execute(_NUMBER, {"last": last, "limit": limit}).all()
    if not rows:
        return []
    connection.execute(_ADVANCE, {"reached": last + len(rows)})
    return [NumberedEvent(*row) for row in sorted(rows, key=lambda row: row.position)]


class Sequencer:
    """Numbers events while it holds the lease."""

    def __init__(self, store: Store, lease: Lease, batch: int = BATCH) -> None:
        self.store, self.lease, self.batch = store, lease, batch

    def waiting(self) -> bool:
        """Whether an event waits for its position; a look that writes nothing and locks nothing."""
        return _WAITING.first(self.store.thread_reader(), {}) is not None

    def step(self, session: Session) -> Sequence[NumberedEvent]:
        """Number the next events in the caller's unit of work; what follows from them is written with it.

        Raises:
            DutyLost: another process numbers events now; the unit of work must not be committed.
        """
        self.lease.fence(session)
        return number_events(session, self.batch)
