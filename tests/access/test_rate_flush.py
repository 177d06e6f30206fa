"""The hours of keys, from Redis into the table, and policies, from the table into the limiter."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast
from uuid import UUID, uuid4

import pytest
from redis import Redis
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from tests.support.redis import RedisServer
from writ.access.models import DEFAULT_ORGANIZATION_ID, ApiKey, User
from writ.access.rate_flush import flush_quotas
from writ.access.rate_models import ApiRateLimit, RatePolicy
from writ.access.rate_policies import load_policies
from writ.gateway.call import Actor, Call
from writ.gateway.limits.limiter import RedisLimiter
from writ.gateway.limits.policy import Policy
from writ.store.base import new_id
from writ.store.work import Store


def make_key(store: Store, user: User) -> Actor:
    key = ApiKey(
        id=new_id(),
        organization_id=DEFAULT_ORGANIZATION_ID,
        key_name="k",
        api_key=uuid4().hex,
        created_by=user.id,
    )
    with store.begin() as session:
        session.add(key)
    return Actor(
        user.id,
        "key",
        user.email,
        "owner",
        frozenset(),
        key_id=key.id,
        organization_id=DEFAULT_ORGANIZATION_ID,
    )


def request(limiter: RedisLimiter, actor: Actor, times: int) -> None:
    operation = SimpleNamespace(surface="hosting", rate_class="read")
    trace = SimpleNamespace(limits=[], operation=operation, address="192.0.2.1")
    for _ in range(times):
        limiter.admit(cast(Call, SimpleNamespace(actor=actor, operation=operation, trace=trace)))


def hours(store: Store) -> dict[UUID, int]:
    with store.read() as connection:
        rows = connection.execute(select(ApiRateLimit.api_key_id, ApiRateLimit.request_count)).all()
    return {row.api_key_id: row.request_count for row in rows}


@pytest.mark.requirement("S3-74", "S3-75", "S3-76", "S3-77", "S3-78", "S3-212", "S3-214")
def test_hours_are_written_again_and_again(store: Store, ada: User, redis_server: RedisServer) -> None:
    limiter = RedisLimiter(redis_server.url, list, DEFAULT_ORGANIZATION_ID)
    one, two = make_key(store, ada), make_key(store, ada)
    assert one.key_id
    assert two.key_id
    request(limiter, one, 3)
    with Redis.from_url(redis_server.url) as redis:
        assert flush_quotas(store, redis) == flush_quotas(store, redis) == 1
        assert hours(store) == {one.key_id: 3}
        request(limiter, one, 2)
        request(limiter, two, 1)
        flush_quotas(store, redis)
        assert hours(store) == {one.key_id: 5, two.key_id: 1}
        redis.flushall()
        request(limiter, one, 1)
        flush_quotas(store, redis)
        assert hours(store) == {one.key_id: 5, two.key_id: 1}, "what was counted stays counted"
        gone = make_key(store, ada)
        request(limiter, gone, 1)
        with store.begin() as session:
            session.delete(session.get_one(ApiKey, gone.key_id))
        flush_quotas(store, redis)
        assert set(hours(store)) == {one.key_id, two.key_id}
    with store.read() as connection:
        start = connection.execute(select(func.max(ApiRateLimit.window_start))).scalar_one()
    assert (start.minute, start.second, start.microsecond) == (0, 0, 0)


def test_both_hours_around_the_turn_are_written(store: Store, ada: User, redis_server: RedisServer) -> None:
    actor = make_key(store, ada)
    assert actor.key_id
    with Redis.from_url(redis_server.url) as redis:
        this_hour = int(redis.time()[0]) // 3600 * 3600
        redis.hset(f"writ:limits:hour:{this_hour - 3600}", actor.key_id.hex, 8)
        redis.hset(f"writ:limits:hour:{this_hour}", actor.key_id.hex, 2)
        assert flush_quotas(store, redis) == 2
    with store.read() as connection:
        rows = connection.execute(
            select(ApiRateLimit.window_start, ApiRateLimit.request_count).order_by(ApiRateLimit.window_start)
        ).all()
    assert [tuple(row) for row in rows] == [
        (datetime.fromtimestamp(this_hour - 3600, UTC), 8),
        (datetime.fromtimestamp(this_hour, UTC), 2),
    ]


@pytest.mark.requirement("S3-79")
def test_a_key_has_each_hour_once(store: Store, ada: User) -> None:
    actor = make_key(store, ada)
    row = {"api_key_id": actor.key_id, "window_start": datetime(2026, 2, 20, 10, tzinfo=UTC)}
    with store.begin() as session:
        session.execute(insert(ApiRateLimit).values(**row))
    with pytest.raises(IntegrityError), store.begin() as session:
        session.execute(insert(ApiRateLimit).values(**row))


def test_policies_are_loaded_as_they_are_written(store: Store) -> None:
    with store.begin() as session:
        session.add(
            RatePolicy(
                organization_id=DEFAULT_ORGANIZATION_ID,
                subject="key",
                surface="studio",
                rate_class="content",
                tier="premium",
                amount=7,
                window_seconds=90,
                burst=3,
            )
        )
    expected = Policy("key", "studio", "content", 7, 90, "premium", burst=3)
    assert load_policies(store) == [(DEFAULT_ORGANIZATION_ID, expected)]
