"""The test of a webhook: one signed delivery, made while the caller waits, recorded like all others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import writ_contract
from sqlalchemy import Connection, insert, select
from sqlalchemy.orm import Session
from writ_contract.errors import EVENT_TYPE_UNKNOWN, SERVICE_UNAVAILABLE
from writ_contract.events import ALL_EVENTS, WEBHOOK_DISABLED

from writ.contract.document import load_mapping
from writ.contract.errors import FieldError, Refusal
from writ.contract.violations import refuse
from writ.events.envelope import event_name
from writ.events.models import Event
from writ.events.payload import Told, render
from writ.events.sender import Outcome, send_once
from writ.events.signing import Signer
from writ.events.subscription_reading import read_webhook
from writ.events.subscriptions import signer_of
from writ.events.webhook_models import DELIVERED, FAILED, WebhookAttempt, WebhookDelivery, WebhookSubscription
from writ.gateway.call import Actor
from writ.settings import Settings
from writ.store.base import new_id, now
from writ.store.secrets import Sealer

TEST_SECONDS = 10.0
"""How long a receiver may take for a test: somebody waits for it."""

AT_A_TIME = 2
"""Tests under way in one server: each one holds a thread that others need."""

DATA_MAX_BYTES = 128 * 1024
"""How much data a test may carry."""

_SENT = select(
    WebhookSubscription.organization_id,
    WebhookSubscription.webhook_url,
    WebhookSubscription.secret_key,
    WebhookSubscription.previous_secret,
    WebhookSubscription.previous_secret_expires_at,
)

_turns = threading.BoundedSemaphore(AT_A_TIME)


@dataclass(frozen=True, slots=True)
class Trial:
    """What a test is about to send."""

    event: Told
    url: str
    signer: Signer


def prepare_test(
    connection: Connection, actor: Actor, sealer: Sealer, webhook_id: UUID, body: Mapping[str, Any]
) -> Trial:
    """The event that a test sends: of any type, with data that is given or made up.

    Raises Refusal WEBHOOK_NOT_FOUND, EVENT_TYPE_UNKNOWN; VALIDATION_ERROR for too much data.
    """
    read_webhook(connection, actor, webhook_id)
    webhook = connection.execute(_SENT.where(WebhookSubscription.id == webhook_id)).one()
    kind = body.get("event_type", body.get("type", WEBHOOK_DISABLED))
    if kind not in ALL_EVENTS:
        name = "event_type" if "event_type" in body else "type"
        raise Refusal(EVENT_TYPE_UNKNOWN, f"No type of event is named {kind}.", field=f"/body/{name}")
    data = body["data"] if "data" in body else _examples()[kind]
    if len(orjson.dumps(data)) > DATA_MAX_BYTES:
        raise refuse([FieldError("/body/data", "maxLength", "is larger than 128 KiB")])
    subject = f"webhook:{webhook_id}"
    sealed = (
        webhook_id,
        webhook.secret_key,
        webhook.previous_secret,
        webhook.previous_secret_expires_at,
    )
    event = Told(new_id(), kind, webhook.organization_id, None, subject, data, None, now())
    return Trial(event, webhook.webhook_url, signer_of(sealer, *sealed))


def send_test(trial: Trial, settings: Settings) -> Outcome:
    """Send it now and wait for the answer, at most ten seconds.

    Raises Refusal SERVICE_UNAVAILABLE when others are being tested.
    """
    if not _turns.acquire(timeout=1.0):
        raise Refusal(
            SERVICE_UNAVAILABLE, "Other webhooks are being tested. Try again.", headers={"Retry-After": "5"}
        )
    try:
        body = render(trial.event, settings.public_url)
        return asyncio.run(
            send_once(
                trial.url,
                trial.signer,
                event_name(trial.event.id),
                trial.event.type,
                body,
                settings.trusted_networks,
                TEST_SECONDS,
            )
        )
    finally:
        _turns.release()


def record_test(session: Session, webhook_id: UUID, trial: Trial, outcome: Outcome) -> dict[str, Any]:
    """Write the event, which nobody else hears of, and its delivery; the result as the API shows it."""
    event, delivery_id, moment = trial.event, new_id(), now()
    # It was sent before it was written, and it may be what no event of its type is: the row is made here.
    session.execute(
        insert(Event).values(
            id=event.id,
            type=event.type,
            organization_id=event.organization_id,
            subject=event.subject,
            data=event.data,
            created_at=event.created_at,
            subscription_id=webhook_id,
        )
    )
    answer = {
        "http_status_code": outcome.status,
        "response_body": outcome.body,
        "response_time_ms": outcome.milliseconds,
        "error": outcome.error,
    }
    session.execute(
        insert(WebhookDelivery).values(
            id=delivery_id,
            subscription_id=webhook_id,
            event_id=event.id,
            event_type=event.type,
            status=DELIVERED if outcome.success else FAILED,
            attempt_number=1,
            attempt_id=outcome.attempt_id,
            next_retry_at=None,
            delivered_at=moment if outcome.success else None,
            created_at=moment,
            **answer,
        )
    )
    if not outcome.success:
        session.execute(
            insert(WebhookAttempt).values(
                delivery_id=delivery_id,
                attempt_number=1,
                attempt_id=outcome.attempt_id,
                attempted_at=moment,
                **answer,
            )
        )
    return {
        "success": outcome.success,
        "statusCode": outcome.status,
        "status_code": outcome.status,
        "error": outcome.error,
        "response_body": outcome.body,
        "response_time_ms": outcome.milliseconds,
        "delivery_id": delivery_id,
        "event_id": event_name(event.id),
        "event_type": event.type,
    }


@lru_cache(maxsize=1)
def _examples() -> dict[str, Any]:
    """The data of the contract's example of each type."""
    document = load_mapping(Path(writ_contract.__file__).parent.parent / "openapi.json")
    found = {}
    for name, item in document["x-webhooks"].items():
        found[name] = item["post"]["requestBody"]["content"]["application/json"]["example"]["data"]
    return found
