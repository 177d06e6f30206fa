"""What became of events on their way, and telling them once more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Select, insert, literal, select
from sqlalchemy.orm import Session
from writ_contract.errors import (
    DELIVERY_NOT_FOUND,
    DELIVERY_NOT_REPLAYABLE,
    REPLAY_TOO_LARGE,
    WEBHOOK_NOT_ACTIVE,
)

from writ.contract.errors import FieldError, Refusal
from writ.contract.violations import refuse
from writ.events.envelope import event_name
from writ.events.matching import passes
from writ.events.models import TOLD_COLUMNS, Event
from writ.events.payload import Told, render
from writ.events.subscription_reading import read_webhook
from writ.events.subscriptions import check_types, find_webhook
from writ.events.types import expand_types
from writ.events.webhook_models import PENDING, WebhookAttempt, WebhookSubscription
from writ.events.webhook_models import WebhookDelivery as Delivery
from writ.gateway.call import Actor
from writ.store.base import new_id, now
from writ.store.paging import Order, equals, read_page

LOOKED_AT = 10
"""For each event that may be replayed so many are looked at, of which filters may leave few."""

_SHOWN: Select[*tuple[Any, ...]] = select(
    Delivery.id,
    Delivery.subscription_id,
    Delivery.event_id,
    Delivery.event_type,
    Delivery.status,
    Delivery.attempt_number,
    Delivery.attempt_id,
    Delivery.next_retry_at,
    Delivery.http_status_code,
    Delivery.response_body,
    Delivery.response_time_ms,
    Delivery.error,
    Delivery.delivered_at,
    Delivery.replay_of,
    Delivery.created_at,
)
# An id begins with the time of its making, so the order by id is the one by creation.
_ORDERS = {
    "created_at": Order((Delivery.id,), descending=False),
    "-created_at": Order((Delivery.id,), descending=True),
}
_FILTERS = {"status": Delivery.status, "event_type": Delivery.event_type}
_EVENT = select(*TOLD_COLUMNS)
_EVENT_WITHOUT_DATA = select(
    *(
        literal(None).label(column.name) if column.name in ("data", "changes") else column
        for column in TOLD_COLUMNS
    )
)


def read_deliveries(
    connection: Connection, actor: Actor, webhook_id: UUID, query: Mapping[str, Any]
) -> dict[str, Any]:
    """One page of a webhook's deliveries. Raises Refusal WEBHOOK_NOT_FOUND, CURSOR_INVALID."""
    read_webhook(connection, actor, webhook_id)
    filters = {Delivery.subscription_id: webhook_id} | equals(query, _FILTERS)
    page = read_page(connection, _SHOWN, _ORDERS, query, filters).as_json()
    page["data"] = [{**row, "event_id": event_name(row["event_id"])} for row in page["data"]]
    return page


def read_delivery(
    connection: Connection | Session,
    actor: Actor,
    webhook_id: UUID,
    delivery_id: UUID,
    public_url: str | None,
) -> dict[str, Any]:
    """One delivery with its payload and all of its attempts. The payload is null when the event is kept no
    longer.

    Raises Refusal WEBHOOK_NOT_FOUND, DELIVERY_NOT_FOUND.
    """
    read_webhook(connection, actor, webhook_id)
    row = (
        connection.execute(_SHOWN.where(Delivery.id == delivery_id, Delivery.subscription_id == webhook_id))
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise Refusal(DELIVERY_NOT_FOUND)
    shown = dict(row)
    event = read_event(connection, shown["event_id"])
    shown["event_id"] = event_name(shown["event_id"])
    shown["payload"] = None if event is None else orjson.loads(render(event, public_url))
    failed = connection.execute(
        select(
            WebhookAttempt.attempt_number,
            WebhookAttempt.attempt_id,
            WebhookAttempt.attempted_at,
            WebhookAttempt.http_status_code,
            WebhookAttempt.response_body,
            WebhookAttempt.response_time_ms,
            WebhookAttempt.error,
        )
        .where(WebhookAttempt.delivery_id == delivery_id)
        .order_by(WebhookAttempt.attempt_number)
    ).mappings()
    shown["attempts"] = [dict(attempt) for attempt in failed]
    if shown["delivered_at"] is not None:
        # The one that succeeded stands on the delivery itself.
        last = {name: shown[name] for name in ("attempt_number", "attempt_id", "http_status_code")}
        last |= {name: shown[name] for name in ("response_body", "response_time_ms", "error")}
        shown["attempts"].append({**last, "attempted_at": shown["delivered_at"]})
    return shown


def replay_delivery(session: Session, actor: Actor, webhook_id: UUID, delivery_id: UUID) -> UUID:
    """Tell the event of a delivery once more, under the same message id; the id of the new delivery.

    Raises Refusal WEBHOOK_NOT_FOUND, WEBHOOK_NOT_ACTIVE, DELIVERY_NOT_FOUND, DELIVERY_NOT_REPLAYABLE.
    """
    webhook = _find_active(session, actor, webhook_id)
    found = session.execute(
        select(Delivery.event_id, Delivery.replay_of).where(
            Delivery.id == delivery_id, Delivery.subscription_id == webhook_id
        )
    ).one_or_none()
    if found is None:
        raise Refusal(DELIVERY_NOT_FOUND)
    event = read_event(session, found.event_id)
    if event is None:
        raise Refusal(DELIVERY_NOT_REPLAYABLE)
    # A replay of a replay has the origin of the first.
    return _write(session, webhook, [(event, found.replay_of or delivery_id)])[0]


def replay_range(session: Session, actor: Actor, webhook_id: UUID, body: Mapping[str, Any], most: int) -> int:
    """Tell the events of a time once more, as far as the webhook wants them; how many they are.

    Those that it was never told, because it was not there or disabled, are told too; at most `most`.

    Raises Refusal WEBHOOK_NOT_FOUND, WEBHOOK_NOT_ACTIVE, VALIDATION_ERROR, REPLAY_TOO_LARGE.
    """
    webhook = _find_active(session, actor, webhook_id)
    begin, end = _time(body, "from"), _time(body, "to") if "to" in body else now()
    if end <= begin:
        raise refuse([FieldError("/body/to", "minimum", "is not after from")])
    types = expand_types(webhook.event_types, field="/body/event_types")
    if "event_types" in body:
        types &= check_types(body["event_types"], "event_types")
    with_data = bool(webhook.filters.get("data"))
    rows = session.execute(
        (_EVENT if with_data else _EVENT_WITHOUT_DATA)
        .where(
            Event.organization_id == webhook.organization_id,
            Event.created_at >= begin,
            Event.created_at < end,
            Event.position.is_not(None),
            Event.subscription_id.is_(None),
            Event.type.in_(sorted(types)),
        )
        .order_by(Event.created_at, Event.sequence)
        .limit(LOOKED_AT * most + 1)
    )
    wanted = []
    for looked_at, row in enumerate(rows.mappings().yield_per(100), 1):
        event = Told.of(row)
        if passes(event, webhook.filters):
            wanted.append(replace(event, data={}, changes=None))
        if looked_at > LOOKED_AT * most or len(wanted) > most:
            raise Refusal(REPLAY_TOO_LARGE, details={"limit": most})
    origins: dict[UUID, UUID] = {}
    ids = [event.id for event in wanted]
    for told in session.execute(
        select(Delivery.event_id, Delivery.id)
        .where(Delivery.subscription_id == webhook.id, Delivery.replay_of.is_(None))
        .where(Delivery.id >= new_id(begin), Delivery.event_id.in_(ids))
    ):
        origins.setdefault(told.event_id, told.id)
    _write(session, webhook, [(event, origins.get(event.id)) for event in wanted])
    return len(wanted)


def read_event(connection: Connection | Session, event_id: UUID) -> Told | None:
    """An event as it is told, or None when it is kept no longer."""
    row = connection.execute(_EVENT.where(Event.id == event_id)).mappings().one_or_none()
    return None if row is None else Told.of(row)


def _find_active(session: Session, actor: Actor, webhook_id: UUID) -> WebhookSubscription:
    webhook = find_webhook(session, actor, webhook_id)
    if not webhook.is_active:
        raise Refusal(WEBHOOK_NOT_ACTIVE)
    return webhook


def _write(
    session: Session, webhook: WebhookSubscription, events: list[tuple[Told, UUID | None]]
) -> list[UUID]:
    moment = now()
    # Ids of one millisecond are in no order: the list shows the events as they happened.
    ids = sorted(new_id() for _ in events)
    rows = [
        {
            "id": key,
            "subscription_id": webhook.id,
            "event_id": event.id,
            "event_type": event.type,
            "status": PENDING,
            "attempt_number": 1,
            "next_retry_at": moment,
            "replay_of": origin,
            "position": event.position,
            "subject": event.subject if webhook.ordered else None,
            "created_at": moment,
        }
        for key, (event, origin) in zip(ids, events, strict=True)
    ]
    if rows:
        session.execute(insert(Delivery), rows)
    # The engine compares versions, and looks for rows where one has changed.
    webhook.version += 1
    return ids


def _time(body: Mapping[str, Any], name: str) -> datetime:
    try:
        return datetime.fromisoformat(body[name]).astimezone(UTC)
    except (ValueError, OverflowError):
        raise refuse([FieldError(f"/body/{name}", "format", "is no time of the calendar")]) from None
