"""The handlers of the contract of these tests: most of them answer with what they were given."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from starlette.datastructures import UploadFile

from writ.contract.errors import Refusal
from writ.gateway.call import Answer, Call, Spooled, ok

# What happened, for the tests that look at it.
EVENTS: list[str] = []
GATE = threading.Barrier(1)
WAIT_SECONDS = 5.0


def plain(value: Any) -> Any:
    """What was given, as JSON: files as their content's SHA-256."""
    if isinstance(value, UploadFile):
        return {"name": value.filename, "sha256": hashlib.sha256(value.file.read()).hexdigest()}
    if isinstance(value, Spooled):
        return {"size": value.size, "sha256": value.sha256, "type": value.media_type}
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


def echo(call: Call) -> Answer:
    return ok({"path": call.path, "query": call.query, "body": plain(call.body)})


list_items = get_mine = get_item = get_number = create_note = create_loose = create_tree = echo
create_form = create_letter = upload_file = list_sizes = get_plain = send_push = echo


def create_item(call: Call) -> Answer:
    return Answer(201, {"body": call.body})


def delete_item(_call: Call) -> Answer:
    return Answer(204)


def create_account(call: Call) -> Answer:
    return Answer(201, {"id": 1, "email": call.body["email"]})


def get_traced(call: Call) -> Answer:
    return ok({"headers": call.header_values})


def get_private(call: Call) -> Answer:
    return ok({"email": call.actor.email if call.actor is not None else None})


get_scoped = get_private


def create_order(call: Call) -> Answer:
    # The unit of work is a stand-in that writes what becomes of it into EVENTS.
    assert call.session is not None
    return Answer(202, {"order": object()})


def get_wait(_call: Call) -> Answer:
    GATE.wait(WAIT_SECONDS)
    return ok({})


def get_fail(call: Call) -> Answer:
    if call.query.get("how") == "refuse":
        raise Refusal("SITE_NOT_FOUND", details={"site_id": 1})
    raise RuntimeError("the database password is hunter2-hunter2")


def get_wrong(call: Call) -> Answer:
    needed = {"X-Needed": "yes"}
    answers = {
        "right": Answer(200, {"a": 1}, needed),
        "status": Answer(201, {"a": 1}, needed),
        "header": Answer(200, {"a": 1}),
        "schema": Answer(200, {"a": "one"}, needed),
        "media": Answer(200, headers=needed, stream=iter([b"a"]), media_type="text/plain"),
        "empty": Answer(204),
    }
    return answers[call.query["how"]]


def stream_things(call: Call) -> Answer:
    streams = {"events": events, "blocks": blocks, "breaks": breaks}
    return Answer(stream=streams[call.query["how"]](call.query["size"]), media_type="text/event-stream")


async def events(_size: int) -> AsyncIterator[bytes]:
    import asyncio

    EVENTS.append("opened")
    try:
        while True:
            yield b"data: {}\n\n"
            await asyncio.sleep(0.01)
    finally:
        EVENTS.append("closed")


def blocks(size: int) -> Iterator[bytes]:
    EVENTS.append("opened")
    try:
        for _ in range(size):
            yield b"x" * (1 << 18)
            time.sleep(0.0005)
    finally:
        EVENTS.append("closed")


def breaks(_size: int) -> Iterator[bytes]:
    yield b"first"
    raise RuntimeError("the disk is gone")
