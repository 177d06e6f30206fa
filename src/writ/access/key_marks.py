"""The word that keys have changed, for every process that remembers some.

Whoever changes a key, or a user whose keys follow from what they are, marks the organization in Redis before
the commit. Every request reads its organization's mark in the round trip that counts it, so between the mark
and its end nothing that is remembered is believed. A mark outlives the commit for longer than anything is
remembered. Where it cannot be made, the change waits until all has been forgotten before it is answered.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog
from redis import Redis, RedisError
from sqlalchemy import event
from sqlalchemy.orm import Session

from writ.access.models import ApiKey, User
from writ.store.work import Store, after_commit

log = structlog.get_logger(__name__)

REMEMBERED_SECONDS = 5.0
"""For how long at most a process believes what it has read of a key."""

_BEFORE_SECONDS, _AFTER_SECONDS = 300, 3 * int(REMEMBERED_SECONDS)
_CHANGED = "writ.keys_changed"
_redis_of: WeakKeyDictionary[object, Redis] = WeakKeyDictionary()


def use(store: Store, redis: Redis) -> None:
    """Make marks in this Redis for what is changed in this store; of others nothing is remembered."""
    _redis_of[store.engine] = redis


def mark_of(organization_id: UUID) -> str:
    """The name of an organization's mark in Redis."""
    return f"writ:keys:changed:{organization_id.hex}"


def _note(_mapper: Any, _connection: Any, changed: ApiKey | User) -> None:
    session = Session.object_session(changed)
    if session is not None:
        session.info.setdefault(_CHANGED, set()).add(changed.organization_id)


for _model in (ApiKey, User):
    for _moment in ("after_update", "after_delete"):
        event.listen(_model, _moment, _note)


@event.listens_for(Session, "before_commit")
def _mark(session: Session) -> None:
    redis = None if session.bind is None else _redis_of.get(session.bind)
    if redis is None:
        return
    session.flush()
    changed: set[UUID] = session.info.pop(_CHANGED, set())
    if changed:
        marked = [_tell(redis, organization, _BEFORE_SECONDS) for organization in changed]
        after_commit(session, partial(_end, redis, changed, all(marked)))


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(_CHANGED, None)


def _end(redis: Redis, changed: set[UUID], told: bool) -> None:
    if not told:
        time.sleep(REMEMBERED_SECONDS)
        return
    for organization in changed:
        _tell(redis, organization, _AFTER_SECONDS)


def _tell(redis: Redis, organization: UUID, seconds: int) -> bool:
    try:
        redis.set(mark_of(organization), 1, ex=seconds)
    except RedisError as error:
        log.warning("keys_not_marked", organization_id=str(organization), reason=str(error))
        return False
    return True
