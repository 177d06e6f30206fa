"""A Redis for all tests of the script, and rules that no other test counts against."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from redis import Redis

from tests.support.redis import RedisServer
from writ.gateway.limits.counter import REVISION, Counter, Decision, pack
from writ.gateway.limits.rules import Counted, Rule

Ask = Callable[..., Decision]
EPOCH = 1_800_000_000_000
"""A time in milliseconds; a multiple of every window that the tests use."""


def steady(amount: int, seconds: int, ceiling: int = 0, name: str = "steady") -> Counted:
    rule = Rule(name, "key", "*", "*", amount, seconds, max(amount, ceiling), is_burst=False)
    return Counted(rule, uuid4().hex)


def burst(amount: int) -> Counted:
    return Counted(Rule("burst", "key", "*", "*", amount, 10, amount, is_burst=True), uuid4().hex)


@pytest.fixture(scope="module")
def script_redis(_redis_server: RedisServer) -> RedisServer:
    with Redis.from_url(_redis_server.url) as redis:
        redis.set(REVISION, "now")
    return _redis_server


@pytest.fixture(scope="module")
def ask(script_redis: RedisServer) -> Ask:
    """Ask about rules at a time: `ask([rule, …], now)` counts, `look=True` does not."""
    counter = Counter(script_redis.url)

    def asked(counted: list[Counted], now: int | None = None, *, look: bool = False) -> Decision:
        return counter.ask(pack("now", counted, now=now, look=look))

    return asked
