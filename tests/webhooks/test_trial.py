"""The test of a webhook: sent now, signed, recorded, and heard of by nobody else."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from standardwebhooks import Webhook

from tests.webhooks.conftest import World, until
from tests.webhooks.receiver import Receiver, answer
from writ.contract.errors import Refusal
from writ.events import trial
from writ.events.models import Event
from writ.events.webhook_models import WebhookAttempt


def try_out(world: World, webhook: UUID, body: dict[str, Any]) -> dict[str, Any]:
    """What the handler of test_webhook does."""
    with world.store.read() as connection:
        prepared = trial.prepare_test(connection, world.actor, world.sealer, webhook, body)
    outcome = trial.send_test(prepared, world.settings)
    with world.store.begin() as session:
        return trial.record_test(session, webhook, prepared, outcome)


@pytest.mark.requirement("S3-129", "S3-166", "S3-167", "S3-243")
def test_a_test_is_sent_and_recorded_and_told_to_nobody_else(world: World) -> None:
    async def scenario() -> None:
        async with Receiver() as receiver, Receiver() as other, world.engine():
            webhook, secret = world.subscribe(receiver.url)
            world.subscribe(other.url)
            body = {"event_type": "job.failed", "data": {"mine": 1}}
            result = await asyncio.to_thread(try_out, world, webhook, body)
            (request,) = receiver.requests
            Webhook(secret).verify(request.body, {k.lower(): v for k, v in request.headers.items()})
            assert request.json["data"] == {"mine": 1}
            assert request.json["type"] == "job.failed"
            assert request.json["id"] == result["event_id"] == request.headers["webhook-id"]
            assert (result["success"], result["statusCode"], result["status_code"]) == (True, 200, 200)
            receiver.manners = answer(503, b"busy")
            result = await asyncio.to_thread(try_out, world, webhook, {})
            assert (result["success"], result["status_code"], result["response_body"]) == (False, 503, "busy")
            assert receiver.requests[1].json["type"] == "webhook.disabled", "the example of a type of its own"
            await until(lambda: all(event.position is not None for event in world.rows(Event)))
            await asyncio.sleep(0.3)
            assert len(receiver.requests) == 2, "a test is not repeated"
            assert other.requests == []
            assert [row.status for row in world.rows()] == ["delivered", "failed"]
            assert [a.http_status_code for a in world.rows(WebhookAttempt)] == [503]

    asyncio.run(scenario())


@pytest.mark.requirement("S3-168")
def test_a_test_of_nobody_says_why(small_world: World) -> None:
    webhook, _ = small_world.subscribe("http://127.0.0.1:1/hook")
    result = try_out(small_world, webhook, {"event_type": "job.failed"})
    assert (result["success"], result["statusCode"]) == (False, None)
    assert "The connection failed" in result["error"]


def test_too_much_data_is_refused(small_world: World) -> None:
    webhook, _ = small_world.subscribe("http://127.0.0.1:1/hook")
    with pytest.raises(Refusal) as caught:
        try_out(small_world, webhook, {"data": {"text": "z" * 200_000}})
    assert caught.value.errors[0].field == "/body/data"
