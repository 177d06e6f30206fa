"""A job as server-sent events (HTML Living Standard, "Server-sent events")."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import orjson
import structlog
from sqlalchemy.exc import SQLAlchemyError

from writ.contract.errors import Refusal
from writ.gateway.sight import Sight
from writ.jobs.models import FINAL
from writ.jobs.reading import read_job, read_log
from writ.store.work import Store

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.3
KEEP_ALIVE_SECONDS = 15.0
LINES_AT_ONCE = 500
# How long a client waits before it comes again, in milliseconds.
RETRY = b"retry: 2000\n\n"


def format_event(name: str, data: Any, event_id: int | None = None) -> bytes:
    """One event: `data` as JSON, which has no line breaks."""
    head = b"" if event_id is None else b"id: %d\n" % event_id
    return (
        head
        + b"event: "
        + name.encode()
        + b"\ndata: "
        + orjson.dumps(data, option=orjson.OPT_UTC_Z)
        + b"\n\n"
    )


async def follow_job(store: Store, sight: Sight, job_id: UUID, after: int = 0) -> AsyncIterator[bytes]:
    """The events of a job until its end: `log` for each line after `after`, `job` for each change, `end`.

    A comment every 15 seconds keeps proxies from closing a quiet stream. The stream also ends when the job or
    the database is gone; a client then comes again with Last-Event-ID.
    """
    yield RETRY
    version, spoken = 0, time.monotonic()
    while True:
        try:
            job, found, lines = await asyncio.to_thread(_look, store, sight, job_id, after)
        except (Refusal, SQLAlchemyError) as error:
            log.warning("job_events_broken_off", job_id=str(job_id), reason=str(error)[:200])
            return
        for line in lines:
            after = line["sequence"]
            yield format_event("log", line, after)
        if found != version:
            yield format_event("job", job)
        if lines or found != version:
            version, spoken = found, time.monotonic()
        if len(lines) == LINES_AT_ONCE:
            continue
        if job["status"] in FINAL:
            yield format_event("end", {})
            return
        if time.monotonic() - spoken > KEEP_ALIVE_SECONDS:
            spoken = time.monotonic()
            yield b": still here\n\n"
        await asyncio.sleep(POLL_SECONDS)


def _look(
    store: Store, sight: Sight, job_id: UUID, after: int
) -> tuple[dict[str, Any], int, list[dict[str, Any]]]:
    # The job first: the lines that belong to its final state were committed with it, so none is missed.
    with store.read() as connection:
        job, version = read_job(connection, sight, job_id)
        return job, version, read_log(connection, job_id, after, LINES_AT_ONCE)
