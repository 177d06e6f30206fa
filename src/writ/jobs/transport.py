"""RQ as the transport: a queue of ids. The row is the truth; a lost or doubled entry is harmless."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from uuid import UUID

import structlog
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

from writ.jobs import line
from writ.store.work import Store

log = structlog.get_logger(__name__)

QUEUE = "writ"
PERFORM = "writ.jobs.worker.perform"
NO_TIMEOUT = -1
FAILURE_TTL_SECONDS = 60
_ID_CHARACTERS = 36
CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 5.0
AWAY_SECONDS = 1.0


class _Here:
    """What this process hands jobs over with; empty until `use` is called."""

    store: Store | None = None
    redis: Redis | None = None
    away_until: float = 0.0


def use(store: Store | None, redis: Redis | None) -> None:
    """Say which database and Redis this process hands jobs over with; None leaves it to the sweeper."""
    _Here.store, _Here.redis, _Here.away_until = store, redis, 0.0


def make_client(url: str, answer_seconds: float = ANSWER_SECONDS) -> Redis:
    """A client of Redis that connects when first used and fails soon: requests do not wait for Redis.

    The client's own default would try for several seconds.
    """
    return Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=answer_seconds,
        retry=Retry(NoBackoff(), 1),
        health_check_interval=30,
    )


@lru_cache(maxsize=4)
def make_queue(redis: Redis) -> Queue:
    """The queue of jobs. JSON, not pickle: who can write to Redis must not be able to run code."""
    return Queue(QUEUE, connection=redis, serializer=JSONSerializer)


def entry_id(job_id: UUID, attempt: int, again: bool = False) -> str:
    """The id under which RQ knows a job: its own; later entries add the attempts so far, and a random part.

    RQ deletes an entry when its process ends. Under one id, that would delete another delivery's entry too.
    """
    entry = str(job_id) if attempt == 0 else f"{job_id}-{attempt}"
    return f"{entry}-{secrets.token_hex(4)}" if again else entry


def push(redis: Redis, jobs: Iterable[tuple[UUID, int]], *, again: bool = False) -> None:
    """Put jobs (id, attempts so far) into RQ's queue, in one round trip; `again` if they may be there.

    Raises RedisError.
    """
    queue = make_queue(redis)
    with redis.pipeline() as pipeline:
        for job_id, attempt in jobs:
            queue.enqueue_call(
                PERFORM,
                kwargs={"job_id": str(job_id)},
                timeout=NO_TIMEOUT,
                result_ttl=0,
                failure_ttl=FAILURE_TTL_SECONDS,
                description=str(job_id),
                job_id=entry_id(job_id, attempt, again),
                pipeline=pipeline,
            )
        pipeline.execute()


def waiting(redis: Redis) -> set[str]:
    """The ids of the jobs that wait in RQ's queue. Raises RedisError."""
    found: Any = redis.lrange(make_queue(redis).key, 0, -1)
    return {(entry.decode() if isinstance(entry, bytes) else entry)[:_ID_CHARACTERS] for entry in found}


def hand_over(jobs: Iterable[tuple[UUID, int]], *, again: bool = False) -> bool:
    """Put jobs into RQ's queue; False when Redis is away, which is no error: the sweeper comes again."""
    wanted = list(jobs)
    if not wanted:
        return True
    if _Here.redis is None or time.monotonic() < _Here.away_until:
        return False
    try:
        push(_Here.redis, wanted, again=again)
    except RedisError as error:
        _Here.away_until = time.monotonic() + AWAY_SECONDS
        log.warning("hand_over_postponed", jobs=len(wanted), reason=str(error))
        return False
    return True


def hand_over_if_first(job_id: UUID) -> None:
    """After the commit of an order: hand it over unless it waits for another job."""
    if _Here.store is None:
        return
    with _Here.store.read() as connection:
        first = line.is_first(connection, job_id)
    if first:
        hand_over([(job_id, 0)])


def hand_over_next(resources: Iterable[str]) -> None:
    """After the commit of an end: hand over whoever is first in line on these resources now."""
    if _Here.store is None:
        return
    with _Here.store.read() as connection:
        jobs = line.next_in_line(connection, resources)
    # One of them may have been handed over already and not be claimed yet.
    hand_over(jobs, again=True)
