"""From Redis into the table: how often each key was used in each hour, for quotas and usage."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from redis import Redis
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from writ.access.models import ApiKey
from writ.access.rate_models import ApiRateLimit
from writ.gateway.limits.counter import HOURS
from writ.store.base import new_id, now
from writ.store.work import Store

_HOUR_SECONDS = 3600
_AT_ONCE = 500


def flush_quotas(store: Store, redis: Redis) -> int:
    """Write the counts of this hour and the one before; how many there were.

    Safe to repeat, in any process: a count in the table only grows, also when Redis has lost its own.

    Raises:
        RedisError: Redis is gone. SQLAlchemyError: the database is.
    """
    seconds, _ = redis.time()
    this_hour = int(seconds) // _HOUR_SECONDS * _HOUR_SECONDS
    written = 0
    for start in (this_hour - _HOUR_SECONDS, this_hour):
        held: Mapping[Any, Any] = redis.hgetall(f"{HOURS}{start}")
        counts = [(UUID(key.decode()), int(count)) for key, count in held.items()]
        for at in range(0, len(counts), _AT_ONCE):
            with store.begin() as session:
                written += _write(session, datetime.fromtimestamp(start, UTC), counts[at : at + _AT_ONCE])
    return written


def _write(session: Session, start: datetime, counts: list[tuple[UUID, int]]) -> int:
    # A key that was deleted meanwhile has no hours any more.
    known = set(session.scalars(select(ApiKey.id).where(ApiKey.id.in_([key for key, _ in counts]))))
    rows = [
        {
            "id": new_id(),
            "api_key_id": key,
            "window_start": start,
            "request_count": count,
            "created_at": now(),
        }
        for key, count in counts
        if key in known
    ]
    if not rows:
        return 0
    on_postgres = session.get_bind().dialect.name == "postgresql"
    insert: Any = postgresql.insert if on_postgres else sqlite.insert
    statement = insert(ApiRateLimit.__table__).values(rows)
    new = statement.excluded.request_count
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["api_key_id", "window_start"],
            set_={"request_count": new},
            where=new > ApiRateLimit.__table__.c.request_count,
        )
    )
    return len(rows)
