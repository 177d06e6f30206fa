"""New events, read once by a process however many of its streams wait for them.

One task looks whether the log has grown, reads what is new, and keeps the last `KEPT` events for all streams.
A stream that is further behind reads by itself until it has caught up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from sqlalchemy.exc import SQLAlchemyError

from writ.events.reading import read_all_after, read_state
from writ.store.work import Store

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.05
KEPT = 1000
BATCH = 500


class FeedLost(Exception):
    """The database is away, so nobody knows what is new."""


class Feed:
    """The end of the log, for the streams of one event loop; it looks only while somebody waits."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._events: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._first = 0
        self.last: int | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def since(self, position: int) -> list[dict[str, Any]] | None:
        """Everybody's events after a position, as far as they are known; None when that is too far back.

        Each has its position; those of one webhook alone (`subscription_id`) are among them.
        """
        if self.last is None or position < self._first:
            return None
        if position >= self.last:
            return []
        return [event for event in self._events if event["position"] > position]

    async def grown(self, position: int, seconds: float) -> None:
        """Wait until the log has grown beyond a position, at most so long.

        Raises:
            FeedLost: the database is away.
        """
        if self.last is not None and self.last > position:
            return
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._look())
        news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(news)
        try:
            async with asyncio.timeout(seconds):
                await news
        except TimeoutError:
            pass
        finally:
            self._waiting.discard(news)

    async def _look(self) -> None:
        try:
            while self._waiting:
                if self._take(await asyncio.to_thread(self._read)):
                    self._wake(None)
                await asyncio.sleep(POLL_SECONDS)
        except SQLAlchemyError as error:
            log.warning("events_not_read", reason=str(error)[:200])
            self._wake(FeedLost())
        # Nobody keeps up with the log from here on; whoever comes next begins at its end of then.
        self.last = None
        self._events.clear()

    def _wake(self, error: Exception | None) -> None:
        for news in self._waiting:
            if not news.done():
                if error is None:
                    news.set_result(None)
                else:
                    news.set_exception(error)

    def _read(self) -> int | list[dict[str, Any]]:
        """What is new, or where the log ends when that is not known yet; in a thread."""
        with self._store.read() as connection:
            if self.last is None:
                return read_state(connection)[0]
            return read_all_after(connection, self.last, BATCH)

    def _take(self, found: int | list[dict[str, Any]]) -> bool:
        """Keep what was read; whether there is something new to look at."""
        if isinstance(found, int):
            self._first = self.last = found
            return True
        overflow = len(self._events) + len(found) - KEPT
        if overflow > 0:
            self._first = [*self._events, *found][overflow - 1]["position"]
        self._events.extend(found)
        if found:
            self.last = found[-1]["position"]
        return bool(found)


_FEEDS: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakKeyDictionary[Store, Feed]] = WeakKeyDictionary()


def feed_of(store: Store) -> Feed:
    """The feed of this store for the event loop that runs."""
    feeds = _FEEDS.setdefault(asyncio.get_running_loop(), WeakKeyDictionary())
    feed = feeds.get(store)
    if feed is None:
        feed = feeds[store] = Feed(store)
    return feed
