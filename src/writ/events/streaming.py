"""Events as they happen: server-sent events (HTML Living Standard, "Server-sent events").

There is no `event:` field, so that every event arrives as a `message`: its type is in its data. An `id:`
without data moves a client's Last-Event-ID and nothing else; it says how far the reader is where it has seen
no event.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from writ.events.envelope import event_name
from writ.events.feed import FeedLost, feed_of
from writ.events.reading import Reader, make_cursor, place_after, read_after, read_state, shown
from writ.store.work import Store

log = structlog.get_logger(__name__)

KEEP_ALIVE_SECONDS = 15.0
AT_ONCE = 500
# How long a client waits before it comes again, in milliseconds.
RETRY = b"retry: 2000\n"
_FRAME = "frame"


class Purged(Exception):
    """The log was purged beyond the place of a slow reader, who would miss something."""


def begin_after(connection: Connection, reader: Reader, after: str | None) -> int:
    """The position after which a stream begins: that of `after`, or the end of the log.

    Raises:
        Refusal: CURSOR_INVALID, EVENT_GONE.
    """
    if after is None:
        return read_state(connection)[0]
    return place_after(connection, reader, after)


async def follow_events(store: Store, reader: Reader, position: int, seconds: float) -> AsyncIterator[bytes]:
    """The reader's events after a position, as they come, for so many seconds.

    Every 15 quiet seconds a comment keeps proxies from closing the stream. It also ends when the database is
    away, or when the reader is so slow that what comes next is not kept any more; a client then comes again
    with Last-Event-ID.
    """
    feed = feed_of(store)
    ends = time.monotonic() + seconds
    yield RETRY + _place(position)
    spoken = time.monotonic()
    try:
        while time.monotonic() < ends:
            events = feed.since(position)
            if events is None:
                found, position = await asyncio.to_thread(_catch_up, store, reader, position)
            else:
                found = [event for event in events if reader.sees(event)]
                position = events[-1]["position"] if events else position
            if found:
                yield b"".join(map(_frame, found))
                spoken = time.monotonic()
            elif time.monotonic() - spoken >= KEEP_ALIVE_SECONDS:
                yield b": still here\n" + _place(position)
                spoken = time.monotonic()
            if len(found) < AT_ONCE:
                quiet = spoken + KEEP_ALIVE_SECONDS
                await feed.grown(position, max(0.0, min(ends, quiet) - time.monotonic()))
    except (FeedLost, Purged, SQLAlchemyError) as error:
        log.warning("event_stream_broken_off", position=position, reason=repr(error)[:200])


def _catch_up(store: Store, reader: Reader, position: int) -> tuple[list[dict[str, Any]], int]:
    """The reader's next events from the database, and the position up to which it has seen all of its own."""
    with store.read() as connection:
        # The end of the log first: what stands before it is visible to the select that follows.
        last, _ = read_state(connection)
        found = read_after(connection, reader, position, AT_ONCE)
        # Looked at afterwards: what was purged meanwhile may be missing from what was found.
        if read_state(connection)[1] > position:
            raise Purged
    if len(found) == AT_ONCE:
        return found, found[-1]["position"]
    return found, max(last, found[-1]["position"] if found else position)


def _place(position: int) -> bytes:
    return b"id: " + make_cursor(position).encode() + b"\n\n"


def _frame(event: dict[str, Any]) -> bytes:
    # Kept beside the event: all streams of the process send the same bytes.
    frame: bytes | None = event.get(_FRAME)
    if frame is None:
        data = orjson.dumps(shown(event), option=orjson.OPT_UTC_Z)
        frame = b"id: " + event_name(event["id"]).encode() + b"\ndata: " + data + b"\n\n"
        event[_FRAME] = frame
    return frame
