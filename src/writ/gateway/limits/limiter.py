"""The limiter of the gateway, and what can be seen of it without counting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from writ.contract.errors import Refusal
from writ.gateway.call import Actor, Call
from writ.gateway.limits.counter import REFUSED, STALE, Count, Counter, Decision, RedisGone, pack
from writ.gateway.limits.headers import headers_of, refusal_of
from writ.gateway.limits.policy import CLASSES, SURFACES, Policy
from writ.gateway.limits.rules import Book, Counted, Demand
from writ.gateway.limits.subjects import network_of, subjects_of
from writ.gateway.trace import Trace

log = structlog.get_logger(__name__)

Load = Callable[[], Iterable[tuple[UUID, Policy]]]
"""Reads every policy that an organization has of its own, with the organization."""

_BOOK_SECONDS = 60.0
"""The longest time that policies are believed unchanged, should the word of a change be lost."""

_RETRY_SECONDS = 2

UNKNOWN = b""
"""What a watch is told in the place of a value that could not be read."""


class Watch(Protocol):
    """What has to be known of each caller and is read in the same round trip, at no cost of its own."""

    def key_of(self, actor: Actor) -> str:
        """The name of what is read in Redis, always the same for the same caller; '' for nothing."""
        ...

    def seen(self, call: Call, value: bytes | None) -> None:
        """Told what was there once the request is admitted: None for nothing, `UNKNOWN` while Redis is gone.

        Raises:
            Refusal: what the value says about the caller.
        """
        ...


@dataclass(frozen=True, slots=True)
class Quota:
    """How much of one limit is used, in requests; `resets_at` is the end of its window."""

    limit: str
    subject: str
    surface: str
    rate_class: str
    window_seconds: int
    is_burst: bool
    amount: int
    used: int
    remaining: int
    resets_at: datetime


class RedisLimiter:
    """Meets `services.Limiter`. Counts in Redis; `load` reads the policies when their revision changed.

    `home` is the organization whose policies hold for whoever is not known. `factor` multiplies all policies,
    but not what keys have of their own. `without_redis` are the rate classes served while Redis is gone.
    """

    def __init__(
        self,
        url: str,
        load: Load,
        home: UUID,
        *,
        factor: float = 1.0,
        without_redis: Iterable[str] = CLASSES,
        watch: Watch | None = None,
    ) -> None:
        self._counter = Counter(url)
        self._load = load
        self._home = home
        self._factor = factor
        self._served = frozenset(without_redis)
        self._watch = watch
        self._lock = threading.Lock()
        self._policies: list[tuple[UUID, Policy]] = []
        self._book = Book("", (), home, factor)

    def admit(self, call: Call) -> None:
        """Count the request for its caller, or for its address where the contract asks for no caller.

        Raises:
            Refusal: RATE_LIMITED; SERVICE_UNAVAILABLE without Redis, for classes that are not served then.
        """
        operation = call.operation
        decision = self._admit(call.trace, call.actor, operation.surface, operation.rate_class)
        if self._watch is not None and call.actor is not None:
            self._watch.seen(call, UNKNOWN if decision is None else decision.value)

    def admit_stranger(self, trace: Trace) -> None:
        """Count the request for its address.

        Raises:
            Refusal: as `admit`.
        """
        operation = trace.operation
        if operation is None:
            self._admit(trace, None, "", "read")
        else:
            self._admit(trace, None, operation.surface, operation.rate_class)

    def quotas_of(self, actor: Actor) -> list[Quota]:
        """Every limit that requests of this caller meet on any surface, without counting this question.

        Raises:
            Refusal: SERVICE_UNAVAILABLE, while Redis is gone.
        """

        def demand(book: Book) -> Demand:
            found: dict[str, Counted] = {}
            for surface in SURFACES:
                for rate_class in CLASSES:
                    for each in self._count(book, actor, "", surface, rate_class):
                        found.setdefault(each.rule.name, each)
            counted = tuple(found.values())
            return Demand(counted, pack(book.revision, counted, look=True))

        try:
            asked, decision = self._ask(demand)
        except RedisGone:
            raise _unavailable() from None
        return [
            Quota(
                limit=each.rule.name,
                subject=each.rule.subject,
                surface=each.rule.surface,
                rate_class=each.rule.rate_class,
                window_seconds=each.rule.seconds,
                is_burst=each.rule.is_burst,
                amount=count.amount,
                used=count.amount - count.remaining,
                remaining=count.remaining,
                resets_at=datetime.fromtimestamp(max(count.reset, decision.now) / 1000, UTC),
            )
            for each, count in zip(asked.counted, decision.counts, strict=True)
        ]

    def _admit(self, trace: Trace, actor: Actor | None, surface: str, rate_class: str) -> Decision | None:
        # Everything that a demand is made from: the same again gets the same command.
        key = (surface, rate_class, *_who(actor, trace.address))

        def demand(book: Book) -> Demand:
            found = book.demands.get(key)
            if found is None:
                counted = self._count(book, actor, trace.address, surface, rate_class)
                found = Demand(counted, self._pack(book, counted, actor))
                book.keep(key, found)
            return found

        try:
            asked, decision = self._ask(demand)
        except RedisGone:
            asked = demand(self._book)
            now = int(time.time() * 1000)
            trace.limits = headers_of(asked.counted, [_whole(each, now) for each in asked.counted], now)
            if rate_class not in self._served:
                raise _unavailable() from None
            return None
        trace.limits = headers_of(asked.counted, decision.counts, decision.now)
        if decision.status == REFUSED:
            raise refusal_of(asked.counted, decision.counts, decision.now)
        return decision

    def _ask(self, demand: Callable[[Book], Demand]) -> tuple[Demand, Decision]:
        book = self._book
        if time.monotonic() - book.made > _BOOK_SECONDS:
            book = self._renew(book, book.revision)
        while True:
            asked = demand(book)
            decision = self._counter.ask(asked.packed)
            if decision.status != STALE:
                return asked, decision
            book = self._renew(book, decision.revision)

    def _renew(self, known: Book, revision: str) -> Book:
        # Read after the revision: whoever changes policies writes a new one once the change is committed.
        with self._lock:
            if self._book is not known and self._book.revision == revision:
                return self._book
            made = time.monotonic()
            try:
                self._policies = list(self._load())
            except SQLAlchemyError as error:
                log.warning("rate_policies_not_read", exc_info=error)
                made -= _BOOK_SECONDS - _RETRY_SECONDS
            self._book = Book(revision, self._policies, self._home, self._factor, made)
            return self._book

    def _count(
        self, book: Book, actor: Actor | None, address: str, surface: str, rate_class: str
    ) -> tuple[Counted, ...]:
        if actor is None:
            return book.count((("address", network_of(address)),), None, surface, rate_class, "standard", {})
        subjects, organization = subjects_of(actor), actor.organization_id
        return book.count(subjects, organization, surface, rate_class, actor.tier, actor.rate_limits)

    def _pack(self, book: Book, counted: tuple[Counted, ...], actor: Actor | None) -> bytes:
        if actor is None:
            return pack(book.revision, counted)
        watched = self._watch.key_of(actor) if self._watch is not None else ""
        hour_of = actor.key_id.hex if actor.key_id is not None else ""
        return pack(book.revision, counted, watched=watched, hour_of=hour_of)


def _who(actor: Actor | None, address: str) -> tuple[object, ...]:
    if actor is None:
        return (address,)
    own = tuple(actor.rate_limits.items()) if actor.rate_limits else ()
    # A key says who made it and where it belongs; both are asked for all the same, should a user move.
    return actor.key_id, actor.id, actor.kind, actor.application_id, actor.organization_id, actor.tier, own


def _whole(each: Counted, now: int) -> Count:
    # Nobody knows what is used, so the whole limit is told, and the end of its window.
    rule, length = each.rule, each.rule.seconds * 1000
    reset = now if rule.is_burst else (now // length + 1) * length
    return Count(rule.amount, rule.amount, reset, 0)


def _unavailable() -> Refusal:
    return Refusal(
        "SERVICE_UNAVAILABLE",
        "Limits cannot be counted at the moment. Try again in a little while.",
        headers={"Retry-After": str(_RETRY_SECONDS)},
    )
