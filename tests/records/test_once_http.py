"""Idempotency-Key over real HTTP, with two server processes on one database."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from tests.support.product import Product, running_servers
from tests.support.redis import RedisServer
from writ.access.models import ApiKey
from writ.store.work import Store

pytestmark = pytest.mark.requirement("S1-34")
CLIENTS, ROUNDS = 20, 5


@pytest.fixture
def products(tmp_path: Path, database_url: str, redis_server: RedisServer) -> Iterator[list[Product]]:
    """Two servers that share nothing but database, Redis and secret key."""
    shared = {"WRIT_SECRET_KEY": "a secret key of these tests"}
    with running_servers(tmp_path, database_url, redis_server.url, shared, shared) as servers:
        yield servers


def test_twenty_clients_of_two_servers_have_one_effect(products: list[Product], database_url: str) -> None:
    store = Store(database_url, pool_size=1)
    with products[0].client() as client:
        cookies = dict(client.cookies)

    def ask(number: int, name: str) -> httpx.Response:
        url = f"{products[number % 2].url}/api/v1/api-keys"
        body = {"key_name": name, "scopes": ["jobs.read"]}
        headers = {"Idempotency-Key": name}
        return httpx.post(url, json=body, headers=headers, cookies=cookies, timeout=30)

    try:
        with ThreadPoolExecutor(CLIENTS) as threads:
            for name in (f"round-{n}" for n in range(ROUNDS)):
                got = list(threads.map(ask, range(CLIENTS), [name] * CLIENTS))
                made = [answer for answer in got if answer.status_code == 201]
                waiting = [answer for answer in got if answer.status_code == 409]
                assert len(made) + len(waiting) == CLIENTS, [answer.text for answer in got]
                assert {answer.json()["code"] for answer in waiting} <= {"idempotency_in_progress"}
                assert {answer.headers["retry-after"] for answer in waiting} <= {"1"}
                assert len({answer.content for answer in made}) == 1
                assert len([a for a in made if "idempotent-replayed" not in a.headers]) == 1
                with store.read() as connection:
                    query = select(func.count()).where(ApiKey.key_name == name)
                    assert connection.scalar(query) == 1
                # Whichever server is asked now.
                later = [ask(number, name) for number in range(2)]
                assert [answer.content for answer in later] == [made[0].content] * 2
                assert all(answer.headers["idempotent-replayed"] == "true" for answer in later)
    finally:
        store.close()
