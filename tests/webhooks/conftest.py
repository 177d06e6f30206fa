"""Both databases with the tables of events and webhooks, and an engine in the test's own loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from writ.access.models import (
    DEFAULT_ORGANIZATION_ID,
    ApiKey,
    LoginAttempts,
    LoginSession,
    Organization,
    User,
)
from writ.duties.pump import make_engine
from writ.events.models import Event, EventLog, Notification
from writ.events.publish import publish
from writ.events.pump import run_pump
from writ.events.subscriptions import create_webhook
from writ.events.webhook_models import WebhookAttempt, WebhookDelivery, WebhookSubscription
from writ.gateway.call import Actor
from writ.settings import Settings
from writ.store.base import Base, new_id
from writ.store.lease import LeaseRow
from writ.store.secrets import Sealer
from writ.store.work import Store

MODELS = (
    Organization,
    User,
    LoginSession,
    LoginAttempts,
    ApiKey,
    Event,
    EventLog,
    Notification,
    LeaseRow,
    WebhookSubscription,
    WebhookDelivery,
    WebhookAttempt,
)


@dataclass
class World:
    """A database, somebody who may do everything in it, and shortcuts."""

    store: Store
    settings: Settings
    sealer: Sealer
    actor: Actor

    def subscribe(self, url: str, actor: Actor | None = None, /, **body: Any) -> tuple[UUID, str]:
        """A webhook's id and secret."""
        whole = {"webhook_url": url, "event_types": ["*"], **body}
        with self.store.begin() as session:
            return create_webhook(
                session, actor or self.actor, self.sealer, self.settings.trusted_networks, whole
            )

    def publish(self, kind: str = "environment.deployed", subject: str = "environment:1", **more: Any) -> str:
        """An event's message id."""
        with self.store.begin() as session:
            more = {"data": {"id": "1"}, "organization_id": DEFAULT_ORGANIZATION_ID, **more}
            return f"evt_{publish(session, kind, subject=subject, **more).hex}"

    def rows(self, model: Any = WebhookDelivery) -> list[Any]:
        with self.store.begin() as session:
            return list(session.scalars(select(model).order_by(*model.__table__.primary_key.columns)))

    def row(self, model: Any, key: Any) -> Any:
        with self.store.begin() as session:
            return session.get(model, key)

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[None]:
        """The pump at work, in threads of this process."""
        stop = threading.Event()
        thread = threading.Thread(target=run_pump, args=(self.settings, make_engine), kwargs={"stop": stop})
        thread.start()
        try:
            yield
        finally:
            stop.set()
            await asyncio.to_thread(thread.join)


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until it is true; of conditions that read the database, too."""
    give_up = asyncio.get_running_loop().time() + seconds
    while not await asyncio.to_thread(condition):
        assert asyncio.get_running_loop().time() < give_up, "it did not come true in time"
        await asyncio.sleep(0.02)


def make_world(folder: Path, database_url: str) -> Iterator[World]:
    store = Store(database_url)
    Base.metadata.create_all(store.engine, tables=[model.__table__ for model in MODELS])
    user = new_id()
    with store.begin() as session:
        session.add(Organization(id=DEFAULT_ORGANIZATION_ID, name="Default"))
        session.flush()
        session.add(User(id=user, email="ada@example.com", password_hash="x"))
    settings = Settings(
        home=folder / "home", database_url=database_url, secret_key="k" * 32, trusted_networks="127.0.0.0/8"
    )
    actor = Actor(
        user, "session", "ada@example.com", "owner", frozenset(), organization_id=DEFAULT_ORGANIZATION_ID
    )
    yield World(store, settings, Sealer(settings.secret()), actor)
    store.close()


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    """The world on both databases."""
    yield from make_world(tmp_path, database_url)


@pytest.fixture
def small_world(tmp_path: Path) -> Iterator[World]:
    """The world on SQLite, for what is the same on every database."""
    yield from make_world(tmp_path, f"sqlite:///{tmp_path / 'test.db'}")


@pytest.fixture(autouse=True)
def _any_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """What events carry is nothing to webhooks: these tests publish what is easy to read."""
    monkeypatch.setattr("writ.events.publish._Checking.check", None)
