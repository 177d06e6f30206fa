"""The application on each database, as it is and with handlers of the test; entries to put into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.records.entries import Log
from tests.records.front import Front, opened
from tests.support.redis import RedisServer
from writ.settings import Settings
from writ.store.migrate import upgrade
from writ.store.work import Store


@pytest.fixture
def front(tmp_path: Path, database_url: str, redis_server: RedisServer) -> Iterator[Front]:
    with opened(tmp_path, database_url, redis_server.url) as found:
        yield found


@pytest.fixture
def scripted(tmp_path: Path, database_url: str, redis_server: RedisServer) -> Iterator[Front]:
    with opened(tmp_path, database_url, redis_server.url, scripted=True) as found:
        yield found


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store = Store(database_url)
    upgrade(store.engine)
    yield store
    store.close()


@pytest.fixture
def log(store: Store, tmp_path: Path) -> Iterator[Log]:
    log = Log(store, Settings(home=tmp_path / "home", database_url=store.url, lease_seconds=2))
    yield log
    log.end()
