"""From an event to the rows that say what became of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from tests.webhooks.conftest import World, until
from tests.webhooks.receiver import Receiver, answer, verify_whole
from writ.events.webhook_models import WebhookAttempt, WebhookSubscription
from writ.store.base import now


@pytest.mark.requirement(
    "S0-60", "S1-39", "S1-40", "S1-41", "S3-47", "S3-48", "S3-51", "S3-52", "S3-53", "S3-55", "S3-56",
    "S3-57", "S3-58", "S3-59", "S3-61", "S3-62",
)  # fmt: skip
def test_an_event_is_told_signed_and_recorded(world: World) -> None:
    async def scenario() -> None:
        async with Receiver() as receiver, world.engine():
            webhook, secret = world.subscribe(receiver.url)
            event = world.publish(
                data={"id": "1", "name": "Žofie"}, changes={"name": {"before": "x", "after": "Žofie"}}
            )
            await until(lambda: [row.status for row in world.rows()] == ["delivered"])
        (request,) = receiver.requests
        assert Webhook(secret).verify(request.body, {k.lower(): v for k, v in request.headers.items()})
        assert verify_whole(secret, request.body, request.headers["X-WedSync-Signature"])
        assert request.headers["X-Webhook-Signature"] == request.headers["X-WedSync-Signature"]
        assert request.headers["User-Agent"] == "WedSync-Webhooks/1.0"
        assert request.headers["Content-Type"] == "application/json"
        assert request.headers["webhook-id"] == event
        assert request.headers["X-WedSync-Event"] == "environment.deployed"
        (row,) = world.rows()
        assert request.headers["X-WedSync-Delivery"] == str(row.attempt_id)
        payload = request.json
        assert payload["id"] == event
        assert payload["type"] == "environment.deployed"
        assert payload["timestamp"] == payload["created_at"]
        assert payload["data"] == {"id": "1", "name": "Žofie"}
        assert payload["changes"] == {"name": {"before": "x", "after": "Žofie"}}
        assert payload["subject"] == "environment:1"
        assert payload["api_version"] == "2026-11-01"
        assert payload["organization_id"] == str(world.actor.organization_id)
        assert payload["project_id"] is None
        assert (row.http_status_code, row.response_body, row.attempt_number) == (200, "ok", 1)
        assert row.response_time_ms >= 0
        assert row.next_retry_at is None
        assert row.delivered_at is not None
        subscription = world.row(WebhookSubscription, webhook)
        assert (subscription.success_count, subscription.failure_count) == (1, 0)
        assert subscription.last_delivery_at == row.delivered_at

    asyncio.run(scenario())


@pytest.mark.requirement("S0-61", "S0-62", "S1-42", "S3-46", "S3-49", "S3-60")
def test_a_failure_is_retried_and_each_attempt_kept(world: World) -> None:
    async def scenario() -> None:
        async with Receiver(answer(500, b"broken")) as receiver, world.engine():
            webhook, _ = world.subscribe(
                receiver.url, retry_policy={"max_attempts": 3, "backoff": "fixed", "initial_seconds": 1}
            )
            world.publish()
            await until(lambda: [row.status for row in world.rows()] == ["retrying"])
            (row,) = world.rows()
            assert timedelta(0) < row.next_retry_at - now() < timedelta(seconds=1.3)
            await until(lambda: len(receiver.requests) == 2)
            receiver.manners = answer(204, b"")
            await until(lambda: [row.status for row in world.rows()] == ["delivered"])
        assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
        assert len({request.headers["X-WedSync-Delivery"] for request in receiver.requests}) == 3
        attempts = world.rows(WebhookAttempt)
        assert [(a.attempt_number, a.http_status_code, a.response_body) for a in attempts] == [
            (1, 500, "broken"),
            (2, 500, "broken"),
        ]
        (row,) = world.rows()
        assert (row.attempt_number, row.http_status_code, row.next_retry_at) == (3, 204, None)
        subscription = world.row(WebhookSubscription, webhook)
        assert (subscription.success_count, subscription.failure_count) == (1, 2)
        assert subscription.first_failure_at is None

    asyncio.run(scenario())
