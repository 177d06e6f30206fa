"""The process of the pump, killed in the middle of its work: nothing is lost."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests.support.product import Product
from tests.webhooks.conftest import World, make_world, until
from tests.webhooks.receiver import Received, Receiver, answer
from writ.events.webhook_models import WebhookDelivery

EVENTS = 200


async def unhurried(receiver: Receiver, request: Received, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.02)
    await answer()(receiver, request, writer)


def all_delivered(world: World) -> bool:
    delivered = select(func.count()).where(WebhookDelivery.status == "delivered")
    with world.store.read() as connection:
        return bool(connection.execute(delivered).scalar_one() == EVENTS)


@pytest.mark.slow
@pytest.mark.requirement("S0-60", "S1-43")
def test_every_event_arrives_although_the_pump_is_killed(tmp_path: Path, database_url: str) -> None:
    home = tmp_path / "product"
    settings = {"WRIT_TRUSTED_NETWORKS": "127.0.0.0/8", "WRIT_SECRET_KEY": "k" * 32}
    product = Product(home, database_url, "redis://127.0.0.1:1/0", settings)

    async def scenario() -> None:
        for world in make_world(tmp_path, database_url):
            async with Receiver(unhurried) as receiver:
                world.subscribe(receiver.url)
                product.start("pump")
                names = [world.publish(subject=f"environment:{at}") for at in range(EVENTS)]
                for part in (1, 2):
                    await until(lambda part=part: len(receiver.requests) >= EVENTS * part // 4, 60)  # type: ignore[misc]
                    product.kill("pump")
                    before = len(receiver.requests)
                    assert before < EVENTS, "it was killed in the middle"
                    product.start("pump")

                await until(partial(all_delivered, world), 90)
                seen = Counter(receiver.ids)
                assert set(seen) == set(names), "nothing is lost"
                assert all(count <= 3 for count in seen.values()), "told again only by who came after a kill"
                assert len(world.rows()) == EVENTS, "and no row is made twice"

    try:
        begun = time.monotonic()
        asyncio.run(scenario())
        assert time.monotonic() - begun < 180
    finally:
        product.stop()
