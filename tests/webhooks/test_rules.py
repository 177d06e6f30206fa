"""Rotation, replay, order, filters, limits of endpoints, and what is disabled."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text, update
from standardwebhooks import Webhook

from tests.webhooks.conftest import World, until
from tests.webhooks.receiver import Received, Receiver, answer, verify_whole
from writ.access.models import ApiKey
from writ.contract.errors import Refusal
from writ.events import deliveries, subscriptions
from writ.events.models import Event, Notification
from writ.events.webhook_models import WebhookDelivery, WebhookSubscription
from writ.store.base import new_id, now


@pytest.mark.requirement("S0-65", "S0-64")
def test_during_a_rotation_both_secrets_sign(world: World) -> None:
    async def scenario() -> None:
        async with Receiver() as receiver, world.engine():
            webhook, old = world.subscribe(receiver.url)
            world.publish()
            await until(lambda: len(receiver.requests) == 1)
            with world.store.begin() as session:
                new = subscriptions.rotate_secret(
                    session, world.actor, world.sealer, webhook, {"grace_seconds": 3}
                )
            await asyncio.sleep(1.2)
            world.publish()
            await until(lambda: len(receiver.requests) == 2)
            await asyncio.sleep(3)
            world.publish()
            await until(lambda: len(receiver.requests) == 3)
            with world.store.begin() as session:
                last = subscriptions.rotate_secret(
                    session, world.actor, world.sealer, webhook, {"grace_seconds": 0, "secret": "mine-alone"}
                )
        assert last == "mine-alone"
        _, during, after = receiver.requests
        for secret in (old, new):
            Webhook(secret).verify(during.body, {k.lower(): v for k, v in during.headers.items()})
        assert verify_whole(new, during.body, during.headers["X-WedSync-Signature"])
        assert verify_whole(old, during.body, during.headers["X-WedSync-Signature-Previous"])
        assert verify_whole(old, during.body, during.headers["X-Webhook-Signature-Previous"])
        Webhook(new).verify(after.body, {k.lower(): v for k, v in after.headers.items()})
        assert "X-WedSync-Signature-Previous" not in after.headers
        with pytest.raises(Exception, match="No matching signature"):
            Webhook(old).verify(after.body, {k.lower(): v for k, v in after.headers.items()})

    asyncio.run(scenario())


@pytest.mark.requirement("S1-43")
def test_a_replay_keeps_its_origin_and_the_id_of_the_event(world: World) -> None:
    async def scenario() -> None:
        async with Receiver() as receiver, world.engine():
            webhook, _ = world.subscribe(receiver.url)
            event = world.publish()
            await until(lambda: [row.status for row in world.rows()] == ["delivered"])
            (origin,) = world.rows()
            with world.store.begin() as session:
                again = deliveries.replay_delivery(session, world.actor, webhook, origin.id)
            await until(lambda: len(receiver.requests) == 2)
            with world.store.begin() as session:
                third = deliveries.replay_delivery(session, world.actor, webhook, again)
            await until(lambda: [row.status for row in world.rows()] == ["delivered"] * 3)
            assert receiver.ids == [event] * 3
            assert world.row(WebhookDelivery, again).replay_of == origin.id
            assert world.row(WebhookDelivery, third).replay_of == origin.id

    asyncio.run(scenario())


@pytest.mark.requirement("S1-43")
def test_a_range_is_replayed_with_what_was_never_told(world: World) -> None:
    async def scenario() -> None:
        begun = (now() - timedelta(minutes=1)).isoformat()
        async with Receiver() as receiver, world.engine():
            # Nobody hears of this one.
            missed = world.publish("site.created", subject="site:1")
            await until(lambda: all(row.position is not None for row in world.rows(Event)))
            webhook, _ = world.subscribe(receiver.url, event_types=["site.*", "environment.*"])
            told = world.publish()
            world.publish("job.failed", subject="job:1")
            await until(lambda: [row.status for row in world.rows()] == ["delivered"])
            (origin,) = world.rows()
            with world.store.begin() as session:
                count = deliveries.replay_range(session, world.actor, webhook, {"from": begun}, 1000)
            assert count == 2
            await until(lambda: [row.status for row in world.rows()] == ["delivered"] * 3)
            assert sorted(receiver.ids) == sorted([told, told, missed])
            assert {row.replay_of for row in world.rows()} == {None, origin.id}
            with world.store.begin() as session:
                body = {"from": begun, "event_types": ["site.created"]}
                assert deliveries.replay_range(session, world.actor, webhook, body, 1000) == 1
                with pytest.raises(Refusal) as caught:
                    deliveries.replay_range(session, world.actor, webhook, {"from": begun}, 1)
                assert caught.value.code == "REPLAY_TOO_LARGE"
                with pytest.raises(Refusal) as caught:
                    deliveries.replay_range(session, world.actor, webhook, {"from": begun, "to": begun}, 9)
                assert caught.value.errors[0].field == "/body/to"

    asyncio.run(scenario())


def test_order_is_kept_for_each_subject(world: World) -> None:
    """The first of one subject fails twice; the others of it wait, those of another subject do not."""
    failures = 2

    async def manners(receiver: Receiver, request: Received, writer: asyncio.StreamWriter) -> None:
        nonlocal failures
        bad = request.json["data"] == {"at": 0} and failures > 0
        failures -= bad
        await answer(503 if bad else 200)(receiver, request, writer)

    async def scenario() -> None:
        async with Receiver(manners) as receiver, world.engine():
            world.subscribe(
                receiver.url, ordered=True,
                retry_policy={"max_attempts": 5, "backoff": "fixed", "initial_seconds": 1},
            )  # fmt: skip
            for at in range(4):
                world.publish(subject="environment:slow", data={"at": at})
                world.publish(subject="environment:fast", data={"at": f"fast {at}"})
            await until(lambda: [row.status for row in world.rows()] == ["delivered"] * 8, 30)
            seen = [request.json["data"]["at"] for request in receiver.requests]
            assert [at for at in seen if isinstance(at, int)] == [0, 0, 0, 1, 2, 3]
            assert [at for at in seen if isinstance(at, str)] == [f"fast {at}" for at in range(4)]
            assert seen.index("fast 3") < seen.index(1)

    asyncio.run(scenario())


@pytest.mark.requirement("S1-36", "S3-149")
def test_only_what_is_wanted_is_told(world: World) -> None:
    project, other = uuid4(), uuid4()

    async def scenario() -> None:
        async with Receiver() as everything, Receiver() as one, Receiver() as confined, world.engine():
            world.subscribe(everything.url)
            world.subscribe(
                one.url,
                event_types=["environment.*", "job.failed"],
                filters={"subjects": ["environment:*"], "data": {"site.slug": "shop", "n": 1}},
            )
            key = make_key(world)
            actor = replace(world.actor, key_id=key, kind="key", projects=frozenset({project}))
            world.subscribe(confined.url, actor)
            good = {"site": {"slug": "shop"}, "n": 1}
            first = world.publish(data=good, project_id=project)
            world.publish(data={**good, "n": True}, project_id=other)
            world.publish(data={"site": "shop", "n": 1})
            world.publish("job.failed", subject="job:1", data=good)
            world.publish("site.created", subject="environment:9", data=good)
            await until(lambda: len(everything.requests) == 5)
            await until(lambda: all(row.status == "delivered" for row in world.rows()))
            assert one.ids == [first]
            assert confined.ids == [first]

    asyncio.run(scenario())


def make_key(world: World) -> UUID:
    with world.store.begin() as session:
        key = ApiKey(
            id=new_id(), organization_id=world.actor.organization_id, key_name="k", api_key="h",
            created_by=world.actor.id,
        )  # fmt: skip
        session.add(key)
        session.flush()
        return key.id


@pytest.mark.requirement("S3-41")
def test_a_confined_key_hears_of_its_sites_only_and_sees_its_own_webhooks_only(small_world: World) -> None:
    world, project = small_world, uuid4()
    theirs, _ = world.subscribe("https://hooks.example.com/a")
    key = make_key(world)
    actor = replace(world.actor, key_id=key, kind="key", projects=frozenset({project}))
    mine, _ = world.subscribe("https://hooks.example.com/b", actor)
    assert world.row(WebhookSubscription, mine).filters == {"project_ids": [str(project)]}
    assert world.row(WebhookSubscription, mine).api_key_id == key
    with pytest.raises(Refusal) as caught:
        world.subscribe("https://hooks.example.com/c", actor, filters={"project_ids": [str(uuid4())]})
    assert caught.value.errors[0].field == "/body/filters/project_ids/0"
    with world.store.begin() as session:
        assert subscriptions.find_webhook(session, actor, mine).id == mine
        for stranger, webhook in ((actor, theirs), (replace(world.actor, organization_id=uuid4()), mine)):
            with pytest.raises(Refusal) as caught:
                subscriptions.find_webhook(session, stranger, webhook)
            assert caught.value.code == "WEBHOOK_NOT_FOUND"


BAD_BODIES = [
    ({"webhook_url": "ftp://hooks.example.com/"}, "URL_NOT_ALLOWED", "/body/webhook_url"),
    ({"webhook_url": "https://me:secret@hooks.example.com/"}, "URL_NOT_ALLOWED", "/body/webhook_url"),
    ({"webhook_url": "https://10.0.0.1/"}, "URL_NOT_ALLOWED", "/body/webhook_url"),
    ({"event_types": ["job.*", "no.such"]}, "EVENT_TYPE_UNKNOWN", "/body/event_types/1"),
    ({"url": "https://hooks.example.com/"}, "VALIDATION_ERROR", "/body/url"),
    ({"events": ["*"]}, "VALIDATION_ERROR", "/body/events"),
    ({"secret_key": "12345678", "secret": "12345678"}, "VALIDATION_ERROR", "/body/secret"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "code", "field"), BAD_BODIES)
def test_a_bad_webhook_is_refused_by_its_field(
    small_world: World, body: dict[str, object], code: str, field: str
) -> None:
    with pytest.raises(Refusal) as caught:
        small_world.subscribe("https://hooks.example.com/", **body)
    assert caught.value.code == code
    assert caught.value.errors[0].field == field
    assert small_world.rows(WebhookSubscription) == []


def test_a_webhook_without_address_and_types_is_told_both(small_world: World) -> None:
    with small_world.store.begin() as session, pytest.raises(Refusal) as caught:
        subscriptions.create_webhook(
            session, small_world.actor, small_world.sealer, (), {"secret": "12345678"}
        )
    assert [e.field for e in caught.value.errors] == ["/body/webhook_url", "/body/event_types"]


@pytest.mark.requirement("S3-44")
@pytest.mark.requirement("S4-151")
def test_an_application_is_told_a_thousand_times_a_minute_at_most(small_world: World) -> None:
    world = small_world
    actor = replace(world.actor, kind="application", application_id=uuid4())
    made = {n: world.subscribe("https://hooks.example.com/a", actor, max_per_second=n)[0] for n in (None, 3)}
    with world.store.begin() as session:
        paces = {n: subscriptions.find_webhook(session, actor, made[n]).max_per_second for n in made}
    assert paces == {None: 16, 3: 3}
    with pytest.raises(Refusal) as refusal:
        world.subscribe("https://hooks.example.com/a", actor, max_per_second=17)
    assert [error.field for error in refusal.value.errors] == ["/body/max_per_second"]


def test_the_secret_is_sealed(small_world: World) -> None:
    webhook, secret = small_world.subscribe("https://hooks.example.com/")
    row = small_world.row(WebhookSubscription, webhook)
    assert secret.startswith("whsec_")
    assert secret.removeprefix("whsec_") not in row.secret_key
    assert small_world.sealer.open_text(row.secret_key, f"webhook_secret:{webhook}") == secret


def test_one_that_is_gone_is_disabled_at_once(world: World) -> None:
    async def scenario() -> None:
        async with Receiver(answer(410)) as receiver, Receiver() as other, world.engine():
            webhook, _ = world.subscribe(receiver.url, event_types=["environment.*"])
            world.subscribe(other.url, event_types=["webhook.*"])
            world.publish()
            await until(lambda: len(other.requests) == 1)
            told = other.requests[0].json
            assert told["type"] == "webhook.disabled"
            assert told["data"]["reason"] == "gone"
            assert told["data"]["id"] == str(webhook)
            assert "secret" not in " ".join(told["data"]).replace("previous_secret_expires_at", "")
            row = world.row(WebhookSubscription, webhook)
            assert (row.is_active, row.disabled_reason) == (False, "gone")
            # Nothing more is sent, and no row is made.
            world.publish()
            await until(lambda: all(event.position is not None for event in world.rows(Event)))
            await asyncio.sleep(0.3)
            assert len(receiver.requests) == 1
            assert [r.status for r in world.rows() if r.subscription_id == webhook] == ["failed"]
            assert "webhook.disabled" in {n.kind for n in world.rows(Notification)}
            # Enabled again it hears again.
            receiver.manners = answer()
            with world.store.begin() as session:
                body = {"url": receiver.url, "events": ["environment.*"]}
                subscriptions.replace_webhook(
                    session, world.actor, world.settings.trusted_networks, webhook, body
                )
            world.publish()
            await until(lambda: len(receiver.requests) == 2)

    asyncio.run(scenario())


@pytest.mark.requirement("S0-63")
def test_five_days_of_failures_disable_and_administrators_are_told(world: World) -> None:
    async def scenario() -> None:
        async with Receiver(answer(500)) as receiver, world.engine():
            webhook, _ = world.subscribe(receiver.url, retry_policy={"max_attempts": 1})
            world.publish()
            await until(lambda: [row.status for row in world.rows()] == ["failed"])
            assert world.row(WebhookSubscription, webhook).is_active
            assert [n.kind for n in world.rows(Notification)] == ["webhook.failing"]
            world.publish()
            await until(lambda: [row.status for row in world.rows()] == ["failed"] * 2)
            assert len(world.rows(Notification)) == 1, "once a day is enough"
            with world.store.begin() as session:
                session.execute(
                    update(WebhookSubscription).values(first_failure_at=now() - timedelta(days=5, seconds=1))
                )
            world.publish()
            await until(lambda: not world.row(WebhookSubscription, webhook).is_active)
            assert world.row(WebhookSubscription, webhook).disabled_reason == "failing"
            assert "webhook.disabled" in {n.kind for n in world.rows(Notification)}

    asyncio.run(scenario())


def test_what_a_person_disables_or_deletes_hears_nothing(small_world: World) -> None:
    world = small_world

    async def scenario() -> None:
        async with Receiver() as receiver, world.engine():
            webhook, _ = world.subscribe(receiver.url)
            gone, _ = world.subscribe(receiver.url)
            with world.store.begin() as session:
                body = {"url": receiver.url, "events": ["*"], "is_active": False}
                trusted = world.settings.trusted_networks
                subscriptions.replace_webhook(session, world.actor, trusted, webhook, body)
                subscriptions.delete_webhook(session, world.actor, gone)
            world.publish()
            await until(lambda: all(event.position is not None for event in world.rows(Event)))
            await asyncio.sleep(0.5)
            assert receiver.requests == []
            assert world.rows() == []
            assert world.row(WebhookSubscription, webhook).disabled_reason == "requested"

    asyncio.run(scenario())


def test_no_more_a_second_than_asked_for(small_world: World) -> None:
    world = small_world

    async def scenario() -> None:
        async with Receiver() as receiver, world.engine():
            world.subscribe(receiver.url, max_per_second=10)
            begun = time.monotonic()
            for _ in range(15):
                world.publish()
            await until(lambda: len(receiver.requests) == 15)
            assert time.monotonic() - begun > 1.3

    asyncio.run(scenario())


@pytest.mark.requirement("S3-242")
def test_a_large_event_is_told_thin_with_a_link(small_world: World) -> None:
    world = small_world

    async def scenario() -> None:
        async with Receiver() as receiver, world.engine():
            world.subscribe(receiver.url)
            event = world.publish(data={"text": "z" * 300 * 1024})
            await until(lambda: len(receiver.requests) == 1)
        (request,) = receiver.requests
        assert len(request.body) < 1024
        assert request.json["truncated"] is True
        assert request.json["data"] == {"id": event, "url": f"/api/v1/events/{event}"}

    asyncio.run(scenario())


def test_the_view_has_what_is_not_deleted(world: World) -> None:
    with world.store.begin() as session:
        session.execute(
            text("CREATE VIEW webhooks AS SELECT id FROM webhook_subscriptions WHERE deleted_at IS NULL")
        )
    first, _ = world.subscribe("https://hooks.example.com/")
    world.subscribe("https://hooks.example.com/")
    with world.store.begin() as session:
        subscriptions.delete_webhook(session, world.actor, first)
        assert session.execute(text("SELECT count(*) FROM webhooks")).scalar_one() == 1
