"""One server over the world that the contract's examples speak of; each test finds it as it was made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Table, delete, insert, select, update

import writ.app  # noqa: F401  (every table is there when everything is imported)
from tests.conformance.contract import CONTRACT
from tests.support.product import Client, Product
from tests.support.redis import RedisServer
from tests.support.world import World, install_programs
from writ.settings import Settings
from writ.store.base import Base
from writ.store.work import Store

UPLOAD_LIMIT = 1 << 16


@dataclass
class Scene:
    """A server over a world that can be put back. No worker runs, so what is ordered stays queued."""

    product: Product
    client: Client
    stranger: Client
    store: Store
    rows: list[tuple[Table, list[dict[str, Any]]]]

    def put_back(self) -> None:
        """Make the database what it was, and empty the queue."""
        with self.store.begin() as session:
            for table, _ in reversed(self.rows):
                session.execute(delete(table))
            for table, rows in self.rows:
                if rows:
                    session.execute(insert(table), rows)
        with Redis.from_url(self.product.redis_url) as redis:
            redis.flushdb()

    def change(self, table: Any, row_id: Any, **values: Any) -> None:
        """Change a row, as a job or a fault would have."""
        with self.store.begin() as session:
            assert session.get(table, row_id) is not None
            session.execute(update(table).where(table.id == row_id).values(**values))


@pytest.fixture(scope="module")
def built_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The world, made by real workers, which are gone afterwards."""
    folder = tmp_path_factory.mktemp("conformance")
    redis = RedisServer(folder)
    redis.start()
    product = Product(
        folder / "home",
        f"sqlite:///{folder / 'writ.db'}",
        redis.url,
        settings={
            "WRIT_UPLOAD_MAX_BYTES": str(UPLOAD_LIMIT),
            "WRIT_WEBHOOK_REPLAY_EVENTS": "1",
            # What follows the stream of events would else follow it for a quarter of an hour.
            "WRIT_STREAM_SECONDS": "0.2",
            "PATH": install_programs(folder / "bin"),
        },
    )
    try:
        product.prepare()
        product.start()
        settings = Settings(
            home=product.home,
            database_url=product.database_url,
            redis_url=redis.url,
            sites_port=product.sites_port,
        )
        world = World(settings, CONTRACT)
        try:
            world.build()
            world.wait_for_positions()
            # Nothing is to be sent to the addresses of the examples, or numbered while tests compare.
            product.terminate("pump")
            world.add_webhooks()
        finally:
            world.close()
        product.terminate("worker")
        product.terminate("sites")
        product.terminate("recorder")
        client = product.client()
        stranger = Client(product, log_in=False)
        store = Store(product.database_url, pool_size=1)
        with store.read() as connection:
            rows = [
                (table, [dict(row) for row in connection.execute(select(table)).mappings()])
                for table in Base.metadata.sorted_tables
            ]
        yield Scene(product, client, stranger, store, rows)
        client.close()
        stranger.close()
        store.close()
    finally:
        product.stop()
        redis.stop()


@pytest.fixture
def scene(built_scene: Scene) -> Iterator[Scene]:
    """The world as it was made; it is put back after the test."""
    yield built_scene
    built_scene.put_back()


@pytest.fixture
def client(scene: Scene) -> Client:
    """A logged-in client for whole paths (`/api/sites`), over the world of the contract's examples."""
    client = Client(scene.product, log_in=False)
    client.base_url = scene.product.url
    client.cookies = scene.client.cookies
    return client
