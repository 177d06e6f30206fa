"""What the engine of deliveries reads and writes, many rows a time: they are the truth, it holds copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from writ.events.models import TOLD_COLUMNS, Event
from writ.events.payload import Told
from writ.store.batch import Batch, Reading

_DUE = {
    "delivery_id": ("id", "d.id"),
    "status": ("text", "d.status"),
    "attempt_number": ("int", "d.attempt_number"),
    "event_id": ("id", "d.event_id"),
    "event_type": ("text", "d.event_type"),
}
_FROM_DUE = "FROM webhook_deliveries d WHERE d.subscription_id = ?"

_ACTIVE = Reading(
    {"id": ("id", "s.id"), "version": ("int", "s.version")},
    "FROM webhook_subscriptions s WHERE s.is_active AND s.deleted_at IS NULL",
)
_SUBSCRIPTIONS = Reading(
    {
        "id": ("id", "s.id"),
        "version": ("int", "s.version"),
        "organization_id": ("id", "s.organization_id"),
        "webhook_url": ("text", "s.webhook_url"),
        "event_types": ("json", "s.event_types"),
        "filters": ("json", "s.filters"),
        "secret_key": ("text", "s.secret_key"),
        "previous_secret": ("text", "s.previous_secret"),
        "previous_secret_expires_at": ("time", "s.previous_secret_expires_at"),
        "ordered": ("int", "CASE WHEN s.ordered THEN 1 ELSE 0 END"),
        "max_per_second": ("int", "s.max_per_second"),
        "retry_policy": ("json", "s.retry_policy"),
        "first_failure_at": ("time", "s.first_failure_at"),
    },
    "FROM webhook_subscriptions s WHERE s.is_active AND s.deleted_at IS NULL",
)
_FAN_OUT = Batch(
    "INSERT INTO webhook_deliveries (id, subscription_id, event_id, event_type, status, attempt_number,"
    " next_retry_at, position, subject, created_at) SELECT g.id, g.subscription_id, g.event_id, g.event_type,"
    " 'pending', 1, g.moment, g.position, g.subject, g.moment FROM {rows} AS g",
    {
        "id": "id",
        "subscription_id": "id",
        "event_id": "id",
        "event_type": "text",
        "position": "int",
        "subject": "text",
        "moment": "time",
    },
)
_RESULTS = Batch(
    "UPDATE webhook_deliveries SET status = g.status, attempt_number = g.number, attempt_id = g.attempt_id,"
    " next_retry_at = g.next_at, http_status_code = g.code, response_body = g.body, response_time_ms = g.ms,"
    " error = g.error, delivered_at = g.delivered_at FROM {rows} AS g WHERE webhook_deliveries.id = g.id"
    " AND webhook_deliveries.next_retry_at IS NOT NULL",
    {
        "id": "id",
        "status": "text",
        "number": "int",
        "attempt_id": "id",
        "next_at": "time",
        "code": "int",
        "body": "text",
        "ms": "int",
        "error": "text",
        "delivered_at": "time",
    },
)
_ATTEMPTS = Batch(
    "INSERT INTO webhook_attempts (delivery_id, attempt_number, attempt_id, attempted_at, http_status_code,"
    " response_body, response_time_ms, error) SELECT g.id, g.number, g.attempt_id, g.moment, g.code, g.body,"
    " g.ms, g.error FROM {rows} AS g WHERE EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.id = g.id)"
    " ON CONFLICT DO NOTHING",
    {
        "id": "id",
        "number": "int",
        "attempt_id": "id",
        "moment": "time",
        "code": "int",
        "body": "text",
        "ms": "int",
        "error": "text",
    },
)
_COUNTS = Batch(
    "UPDATE webhook_subscriptions SET success_count = success_count + g.good,"
    " failure_count = failure_count + g.bad, last_delivery_at = coalesce(g.moment, last_delivery_at),"
    " first_failure_at = CASE WHEN g.good > 0 THEN g.first_failure"
    " ELSE coalesce(first_failure_at, g.first_failure) END"
    " FROM {rows} AS g WHERE webhook_subscriptions.id = g.id",
    {"id": "id", "good": "int", "bad": "int", "moment": "time", "first_failure": "time"},
)
_FIRST_DUE = Reading(
    _DUE, f"{_FROM_DUE} AND d.status = 'pending' AND d.next_retry_at <= ? ORDER BY d.next_retry_at LIMIT ?"
)
_LATE_DUE = Reading(
    _DUE, f"{_FROM_DUE} AND d.status = 'retrying' AND d.next_retry_at <= ? ORDER BY d.next_retry_at LIMIT ?"
)
_ORDERED_DUE = Reading(
    _DUE,
    f"{_FROM_DUE} AND d.next_retry_at <= ? AND (d.subject IS NULL OR NOT EXISTS (SELECT 1 FROM"  # noqa: S608
    " webhook_deliveries b WHERE b.subscription_id = d.subscription_id AND b.subject = d.subject"
    " AND b.next_retry_at IS NOT NULL AND (b.position, b.id) < (d.position, d.id)))"
    " ORDER BY d.position, d.id LIMIT ?",
)
_NEXT_RETRY = Reading(
    {"at": ("time", "min(d.next_retry_at)")},
    "FROM webhook_deliveries d WHERE d.subscription_id = ? AND d.status = 'retrying' AND d.next_retry_at > ?",
)


_EVENTS = select(*TOLD_COLUMNS)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription as the database has it: ids in hexadecimal digits, JSON and secrets as texts."""

    id: str
    version: int
    organization_id: str
    webhook_url: str
    event_types: str
    filters: str
    secret_key: str
    previous_secret: str | None
    previous_secret_expires_at: str | None
    ordered: bool
    max_per_second: int | None
    retry_policy: str
    first_failure_at: str | None


@dataclass(slots=True)
class Due:
    """A delivery whose next attempt may be made. `attempts` counts those that were made."""

    id: str
    attempts: int
    event_id: str
    event_type: str


@dataclass(frozen=True, slots=True)
class DueRows:
    """Deliveries of a subscription that are due; whether there are `more` of them; and when the next retry
    after these is due, as a text.
    """

    rows: list[Due]
    more: bool
    next_retry_at: str | None


@dataclass(slots=True)
class Result:
    """What an attempt changes on the row of its delivery. Times are texts (`store.batch`)."""

    id: str
    subscription_id: str
    status: str
    number: int
    attempt_id: str
    moment: str
    next_at: str | None
    code: int | None
    body: str | None
    milliseconds: int | None
    error: str | None
    success: bool
    gone: bool = False
    """The receiver said 410: it wants to hear no more."""


def read_versions(connection: Connection) -> dict[str, int]:
    """The active subscriptions, by id, with their versions."""
    return {row[0]: row[1] for row in _ACTIVE.all(connection)}


def read_subscriptions(connection: Connection) -> list[Subscription]:
    """The active subscriptions of all organizations."""
    rows = [dict(zip(_SUBSCRIPTIONS.names, row, strict=True)) for row in _SUBSCRIPTIONS.all(connection)]
    return [Subscription(**{**row, "ordered": bool(row["ordered"])}) for row in rows]


def write_deliveries(connection: Connection, rows: Sequence[Sequence[Any]]) -> None:
    """Write pending deliveries: (id, subscription, event, type, position, subject, now)."""
    _FAN_OUT.run(connection, rows)


def write_results(connection: Connection, results: Sequence[Result]) -> None:
    """Write what became of attempts, on the deliveries, among the failed attempts, and in the counts."""
    _RESULTS.run(
        connection,
        [
            (
                r.id,
                r.status,
                r.number,
                r.attempt_id,
                r.next_at,
                r.code,
                r.body,
                r.milliseconds,
                r.error,
                r.moment if r.success else None,
            )
            for r in results
        ],
    )
    _ATTEMPTS.run(
        connection,
        [
            (r.id, r.number, r.attempt_id, r.moment, r.code, r.body, r.milliseconds, r.error)
            for r in results
            if not r.success
        ],
    )
    counts: dict[str, list[Any]] = {}
    for r in results:
        found = counts.setdefault(r.subscription_id, [r.subscription_id, 0, 0, None, None])
        if r.success:
            found[1] += 1
            found[4] = None
        else:
            found[2] += 1
            found[4] = found[4] or r.moment
        found[3] = r.moment
    _COUNTS.run(connection, list(counts.values()))


def read_due(
    connection: Connection, subscription: str, moment: str, *, ordered: bool, first: int, late: int
) -> DueRows:
    """What is due at a subscription: so many first attempts, and so many late ones.

    Where order counts, only the first open delivery of each subject.
    """
    if ordered:
        rows = _ORDERED_DUE.all(connection, subscription, moment, first + late)
        more = len(rows) == first + late
    else:
        rows = _FIRST_DUE.all(connection, subscription, moment, first)
        later = _LATE_DUE.all(connection, subscription, moment, late)
        more = len(rows) == first or len(later) == late
        rows += later
    due = [
        Due(key, 0 if status == "pending" else number, event_id, event_type)
        for key, status, number, event_id, event_type in rows
    ]
    return DueRows(due, more, _NEXT_RETRY.all(connection, subscription, moment)[0][0])


def read_events(connection: Connection, ids: Sequence[str]) -> list[Told]:
    """The events of these ids, as far as they are still kept."""
    rows = connection.execute(_EVENTS.where(Event.id.in_([UUID(key) for key in ids])))
    return [Told.of(row) for row in rows.mappings()]
