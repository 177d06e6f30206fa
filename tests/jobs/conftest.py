"""The world of jobs, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.world import World
from tests.support.redis import RedisServer
from writ.access.models import DEFAULT_ORGANIZATION_ID, Organization
from writ.events.models import Event, Notification
from writ.jobs import models, transport
from writ.store.base import Base

TABLES = [
    model.__table__
    for model in (
        Organization,
        Event,
        Notification,
        models.Job,
        models.JobStep,
        models.JobLog,
        models.JobLock,
        models.JobHold,
    )
]


@pytest.fixture
def world(tmp_path: Path, database_url: str, redis_server: RedisServer) -> Iterator[World]:
    """The world on both databases."""
    yield from make_world(tmp_path, database_url, redis_server)


@pytest.fixture
def small_world(tmp_path: Path, redis_server: RedisServer) -> Iterator[World]:
    """The world on SQLite, for what is the same on every database."""
    yield from make_world(tmp_path, f"sqlite:///{tmp_path / 'test.db'}", redis_server)


def make_world(folder: Path, database_url: str, redis_server: RedisServer) -> Iterator[World]:
    world = World(folder, database_url, redis_server)
    Base.metadata.create_all(world.store.engine, tables=TABLES)
    with world.store.begin() as session:
        session.add(Organization(id=DEFAULT_ORGANIZATION_ID, name="Default"))
    transport.use(world.store, world.redis)
    yield world
    transport.use(None, None)
    world.close()
