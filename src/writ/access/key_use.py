"""When a key was last used: written behind the answers, at most once a minute for each key."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from queue import SimpleQueue
from uuid import UUID

import structlog
from sqlalchemy import update

from writ.access.models import ApiKey
from writ.store.work import Store

log = structlog.get_logger(__name__)

USE_INTERVAL = timedelta(minutes=1)
"""How exact `last_used_at` is."""

_Note = tuple[Store, UUID, datetime]


class KeyUse:
    """One thread that writes what requests note, so that no request waits for a write.

    A key that was noted is not noted again until its time is written. What a process had not written when it
    was killed is lost: `last_used_at` is for people, and decides nothing.
    """

    def __init__(self) -> None:
        self._waiting: set[UUID] = set()
        self._notes: SimpleQueue[_Note] = SimpleQueue()
        self._lock = threading.Lock()
        self._started = False

    def note(self, store: Store, key_id: UUID, at: datetime) -> None:
        """Have the time written soon. Returns at once."""
        with self._lock:
            if key_id in self._waiting:
                return
            self._waiting.add(key_id)
            if not self._started:
                self._started = True
                threading.Thread(target=self._serve, name="writ-key-use", daemon=True).start()
        self._notes.put((store, key_id, at))

    def _serve(self) -> None:
        while True:
            store, key_id, at = self._notes.get()
            try:
                write_use(store, key_id, at)
            except Exception:
                log.warning("key_use_not_written", key_id=str(key_id), exc_info=True)
            finally:
                with self._lock:
                    self._waiting.discard(key_id)


def write_use(store: Store, key_id: UUID, at: datetime) -> None:
    """Write when the key was last used, unless less than a minute has passed since the time that is there."""
    with store.begin() as session:
        session.execute(
            update(ApiKey)
            .where(
                ApiKey.id == key_id,
                ApiKey.last_used_at.is_(None) | (ApiKey.last_used_at <= at - USE_INTERVAL),
            )
            .values(last_used_at=at)
        )
