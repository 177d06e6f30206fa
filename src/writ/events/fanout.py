"""From numbered events to rows: one for each subscription that wants to hear of an event."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection

from writ.events import ledger
from writ.events.bodies import Bodies
from writ.events.envelope import event_name
from writ.events.lanes import Item
from writ.events.matching import matches_type, passes
from writ.events.payload import render
from writ.events.sequencer import NumberedEvent
from writ.store.base import new_ids
from writ.store.batch import time_text

IDS_AT_A_TIME = 256


@dataclass(frozen=True, slots=True)
class _Listener:
    id: str
    version: int
    organization_id: UUID
    event_types: tuple[str, ...]
    filters: dict[str, Any]
    ordered: bool


@dataclass(slots=True)
class Fresh:
    """A delivery that was just written: the subscription and its version then, and what to send. Without an
    item its order counts, so the row is to be read when its turn has come.
    """

    subscription: str
    version: int
    item: Item | None


class FanOut:
    """Writes the deliveries of events in the transaction that numbers them, and passes them on after it.

    `inbox` may be read by another thread.
    """

    def __init__(self, public_url: str | None, bodies: Bodies) -> None:
        self._bodies = bodies
        self.inbox: deque[Fresh] = deque()
        self._public_url = public_url
        self._versions: dict[str, int] = {}
        self._listeners: list[_Listener] = []
        self._written: list[Fresh] = []

    def take(self, connection: Connection, events: Sequence[NumberedEvent]) -> None:
        """Write the rows. What an earlier call wrote and nobody committed is forgotten."""
        self._written = []
        # What one webhook alone hears of was written together with its delivery.
        events = [event for event in events if event.subscription_id is None]
        if events:
            # Read after the events: whoever subscribed before an event was committed is among them.
            self._compare(connection)
            ledger.write_deliveries(connection, self._spread(events))

    def committed(self) -> None:
        """What `take` wrote is there: pass it on."""
        written, self._written = self._written, []
        self.inbox.extend(written)

    def _compare(self, connection: Connection) -> None:
        versions = ledger.read_versions(connection)
        if versions == self._versions:
            return
        self._listeners = [
            _Listener(
                s.id,
                s.version,
                UUID(s.organization_id),
                tuple(orjson.loads(s.event_types)),
                orjson.loads(s.filters),
                s.ordered,
            )
            for s in ledger.read_subscriptions(connection)
        ]
        self._versions = versions

    def _spread(self, events: Sequence[NumberedEvent]) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = []
        moment = time_text(time.time())
        ids: list[UUID] = []
        found: dict[tuple[UUID, str], list[_Listener]] = {}
        for event in events:
            kind = (event.organization_id, event.type)
            listeners = found.get(kind)
            if listeners is None:
                listeners = found[kind] = [
                    one
                    for one in self._listeners
                    if one.organization_id == event.organization_id
                    and matches_type(event.type, one.event_types)
                ]
            body, name, key = None, event_name(event.id), event.id.hex
            for one in listeners:
                if one.filters and not passes(event, one.filters):
                    continue
                ids = ids or new_ids(IDS_AT_A_TIME)[::-1]
                delivery = ids.pop().hex
                subject = event.subject if one.ordered else None
                rows.append((delivery, one.id, key, event.type, event.position, subject, moment))
                item = None
                if not one.ordered:
                    if body is None:
                        body = render(event, self._public_url)
                        self._bodies.put(key, body)
                    item = Item(delivery, name, event.type, body, 0)
                self._written.append(Fresh(one.id, one.version, item))
        return rows
