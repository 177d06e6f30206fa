"""The running product, one for each database; every test makes a site of its own in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosting.running import Running
from tests.support.postgres import PostgresServer
from tests.support.redis import RedisServer

# How names resolve in every process of the product: one leads inside, one to the trusted network.
NAMES = {"inside.example.test": "10.1.2.3", "git.example.test": "127.0.0.1"}

RESOLVER = f"""
import socket
_names, _ask = {NAMES!r}, socket.getaddrinfo
def _answer(host, *rest, **more):
    return _ask(_names.get(host, host), *rest, **more)
socket.getaddrinfo = _answer
"""


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Server, workers and sites server on this database, with a Redis of their own."""
    folder = tmp_path_factory.mktemp(f"hosting-{request.param}")
    url = f"sqlite:///{folder / 'writ.db'}"
    if request.param == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres_server")
        url = postgres.create_database()
    redis = RedisServer(folder)
    redis.start()
    (folder / "names").mkdir()
    (folder / "names" / "sitecustomize.py").write_text(RESOLVER)
    running = Running(folder, url, redis.url)
    try:
        running.begin()
        yield running
    finally:
        running.product.stop()
        redis.stop()
        if request.param == "postgresql":
            postgres.drop_database(url)


@pytest.fixture
def on_sqlite(running: Running) -> None:
    """For slow tables of cases that the database has no part in."""
    if not running.product.database_url.startswith("sqlite"):
        pytest.skip("the database has no part in this; it runs on SQLite")


@pytest.fixture
def repositories(running: Running) -> Path:
    """A folder that the product may clone from."""
    return running.repositories
