"""The application on each database, as it is and with handlers of the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.records.front import Front, opened
from tests.support.redis import RedisServer


@pytest.fixture
def front(tmp_path: Path, database_url: str, redis_server: RedisServer) -> Iterator[Front]:
    with opened(tmp_path, database_url, redis_server.url) as found:
        yield found


@pytest.fixture
def scripted(tmp_path: Path, database_url: str, redis_server: RedisServer) -> Iterator[Front]:
    with opened(tmp_path, database_url, redis_server.url, scripted=True) as found:
        yield found
