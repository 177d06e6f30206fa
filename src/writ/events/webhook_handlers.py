"""Webhooks: subscriptions, their test, their secrets, their deliveries, and telling events once more."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from writ.events import deliveries, subscriptions
from writ.events import trial as trials
from writ.events.subscription_reading import read_webhook, read_webhooks
from writ.gateway.call import Answer, Call, ok
from writ.gateway.callers import caller


def list_webhooks(call: Call) -> Answer:
    """The webhooks of the caller's organization."""
    return ok(read_webhooks(call.read, caller(call), call.query))


def create_webhook(call: Call) -> Answer:
    """Make a webhook and show its secret this once."""
    services = call.services
    webhook_id, secret = subscriptions.create_webhook(
        call.session, caller(call), services.sealer, services.settings.trusted_networks, call.body
    )
    shown = {"secret_key": secret, **_written(call, webhook_id)}
    return Answer(201, shown, {"Location": f"/api/v1/webhooks/{webhook_id}"})


def get_webhook(call: Call) -> Answer:
    """One webhook."""
    return ok(read_webhook(call.read, caller(call), call.path["id"]))


def replace_webhook(call: Call) -> Answer:
    """Replace the settings of a webhook."""
    subscriptions.replace_webhook(
        call.session, caller(call), call.services.settings.trusted_networks, call.path["id"], call.body
    )
    return ok(_written(call, call.path["id"]))


def delete_webhook(call: Call) -> Answer:
    """Remove a webhook."""
    subscriptions.delete_webhook(call.session, caller(call), call.path["id"])
    return ok({"success": True})


def test_webhook(call: Call) -> Answer:
    """Send a signed event now, and say what came of it."""
    webhook_id = call.path["id"]
    trial = trials.prepare_test(call.read, caller(call), call.services.sealer, webhook_id, call.body or {})
    outcome = trials.send_test(trial, call.services.settings)
    return ok(trials.record_test(call.session, webhook_id, trial, outcome))


def rotate_webhook_secret(call: Call) -> Answer:
    """Put a new secret in the place of the old one and show it this once."""
    body: dict[str, Any] = call.body or {}
    secret = subscriptions.rotate_secret(
        call.session, caller(call), call.services.sealer, call.path["id"], body
    )
    return ok({"secret_key": secret, **_written(call, call.path["id"])})


def list_webhook_deliveries(call: Call) -> Answer:
    """What became of the events that a webhook was to hear of."""
    return ok(deliveries.read_deliveries(call.read, caller(call), call.path["id"], call.query))


def get_webhook_delivery(call: Call) -> Answer:
    """One delivery with its payload and its attempts."""
    return ok(_delivery(call, call.path["delivery_id"]))


def replay_webhook_delivery(call: Call) -> Answer:
    """Tell the event of a delivery once more."""
    delivery_id = deliveries.replay_delivery(
        call.session, caller(call), call.path["id"], call.path["delivery_id"]
    )
    call.session.flush()
    return Answer(201, _delivery(call, delivery_id))


def replay_webhook(call: Call) -> Answer:
    """Tell the events of a time once more."""
    most = call.services.settings.webhook_replay_events
    count = deliveries.replay_range(call.session, caller(call), call.path["id"], call.body, most)
    return ok({"count": count})


def _written(call: Call, webhook_id: UUID) -> dict[str, Any]:
    # Read in the same unit of work, which is committed when this has become an answer.
    call.session.flush()
    return read_webhook(call.session, caller(call), webhook_id)


def _delivery(call: Call, delivery_id: UUID) -> dict[str, Any]:
    return deliveries.read_delivery(
        call.session if call.writes else call.read,
        caller(call),
        call.path["id"],
        delivery_id,
        call.services.settings.public_url,
    )
