"""One lane an endpoint: what waits for it, how much may be under way to it, and when it is asked again."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from yarl import URL

from writ.events.ledger import Subscription
from writ.events.signing import Signer
from writ.store.batch import read_time
from writ.store.secrets import Sealer

AT_A_TIME = 16
"""Attempts under way to one endpoint that answers well."""

AT_FIRST = 2
"""So many to one that has not answered yet: those that hang must not take all connections unnoticed."""

SICK_AFTER = 3
"""Failures in a row after which an endpoint gets few of the connections."""

KEPT_IN_MEMORY = 2_048
"""Deliveries of one lane that are held beside their rows; the rest is read when these are done."""

KEPT_BYTES = 16 << 20
"""So many bytes of payloads may be queued in one lane."""

LATE_SHARE = 4
"""Of so many attempts one may be a late one while first ones wait: they come first, but not alone."""


@dataclass(slots=True)
class Item:
    """A delivery in memory: its row's id, the event's name and type, the payload, and the attempts so far."""

    delivery_id: str
    message_id: str
    event_type: str
    body: bytes
    attempts: int


class Lane:
    """The way to one subscription's endpoint. Times are in seconds since 1970.

    `known` are the deliveries that are queued, under way, or done but not yet written. `backlog` says that
    the database may have due rows that are not known; `retry_at` when the next row becomes due.
    """

    def __init__(self, subscription: Subscription, sealer: Sealer) -> None:
        self.id = subscription.id
        self._sealer = sealer
        self.first: deque[Item] = deque()
        self.late: deque[Item] = deque()
        self.known: set[str] = set()
        self._bytes = 0
        self.backlog = True
        self.retry_at: float | None = None
        self.workers = 0
        self.failures = 0
        self._allowed = AT_FIRST
        self.active = True
        self._turn = 0
        self._next_free = 0.0
        self.update(subscription)

    def update(self, subscription: Subscription) -> None:
        """Take over what a person changed.

        Raises SealBroken when the secret cannot be opened: WRIT_SECRET_KEY is another one.
        """
        self.version = subscription.version
        self.organization_id = UUID(subscription.organization_id)
        self.url = subscription.webhook_url
        self.target: URL | None = None
        self.event_types: list[str] = orjson.loads(subscription.event_types)
        self.filters: dict[str, Any] = orjson.loads(subscription.filters)
        self.policy: dict[str, Any] = orjson.loads(subscription.retry_policy)
        self.ordered = subscription.ordered
        self.max_per_second = subscription.max_per_second
        place = secret_place(UUID(self.id))
        self._secret = self._sealer.open_text(subscription.secret_key, place)
        self._previous: str | None = None
        self._previous_until = 0.0
        if subscription.previous_secret is not None and subscription.previous_secret_expires_at is not None:
            self._previous = self._sealer.open_text(subscription.previous_secret, place)
            self._previous_until = read_time(subscription.previous_secret_expires_at).timestamp()
        self._signer = Signer(self._secret, self._previous)
        self.backlog = True

    @property
    def signer(self) -> Signer:
        """Signs for this endpoint, with the secret before as long as its time is not over."""
        if self._previous is not None and time.time() >= self._previous_until:
            self._previous = None
            self._signer = Signer(self._secret)
        return self._signer

    @property
    def sick(self) -> bool:
        """Whether the endpoint has failed a few times in a row."""
        return self.failures >= SICK_AFTER

    @property
    def at_a_time(self) -> int:
        """How many attempts may be under way: one, to see whether a sick endpoint is well again."""
        return 1 if self.sick else self._allowed

    def count(self, success: bool) -> None:
        """What came of an attempt: who takes it may be sent one more at a time, who fails half as many."""
        if success:
            self.failures = 0
            self._allowed = min(self._allowed + 1, AT_A_TIME)
        else:
            self.failures += 1
            self._allowed = max(self._allowed // 2, 1)

    @property
    def waiting(self) -> int:
        """How many deliveries are queued in memory."""
        return len(self.first) + len(self.late)

    def add(self, item: Item) -> bool:
        """Queue a delivery; False when it is known already or there is no room, so that its row waits."""
        if item.delivery_id in self.known:
            return False
        if len(self.known) >= KEPT_IN_MEMORY or self._bytes >= KEPT_BYTES:
            self.backlog = True
            return False
        self.known.add(item.delivery_id)
        self._bytes += len(item.body)
        (self.late if item.attempts else self.first).append(item)
        return True

    def take(self) -> Item | None:
        """The next delivery: first attempts before late ones, but not only them."""
        if self.late and (not self.first or self._turn >= LATE_SHARE - 1):
            self._turn = 0
            item = self.late.popleft()
        elif self.first:
            self._turn += 1
            item = self.first.popleft()
        else:
            return None
        self._bytes -= len(item.body)
        return item

    def room(self) -> int:
        """How many more rows may be read."""
        return KEPT_IN_MEMORY - len(self.known)

    def wants_rows(self, moment: float) -> bool:
        """Whether to look for due rows now: few are left in memory, and there may be some."""
        due = self.backlog or (self.retry_at is not None and self.retry_at <= moment)
        return due and self.waiting < KEPT_IN_MEMORY // 4 and self._bytes < KEPT_BYTES // 2

    def pause(self) -> float:
        """Seconds to wait before the next attempt, so that max_per_second is kept; it is counted as made."""
        if self.max_per_second is None:
            return 0.0
        moment = time.monotonic()
        start = max(moment, self._next_free)
        self._next_free = start + 1.0 / self.max_per_second
        return start - moment

    def clear(self) -> None:
        """Forget what is queued; the rows stay."""
        for item in (*self.first, *self.late):
            self.known.discard(item.delivery_id)
        self._bytes = 0
        self.first.clear()
        self.late.clear()


def secret_place(subscription_id: UUID) -> str:
    """The place that a subscription's secrets are sealed for."""
    return f"webhook_secret:{subscription_id}"
