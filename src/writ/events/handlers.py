"""Events: the log, one by its id, the stream."""

from __future__ import annotations

from writ.events import reading, streaming
from writ.gateway.call import Answer, Call, ok
from writ.gateway.callers import caller


def list_events(call: Call) -> Answer:
    """A page of events."""
    reader = reading.reader_of(caller(call), call.query.get("types"))
    return ok(reading.list_events(call.read, reader, call.query))


def get_event(call: Call) -> Answer:
    """One event."""
    return ok(reading.get_event(call.read, reading.reader_of(caller(call), None), call.path["id"]))


def stream_events(call: Call) -> Answer:
    """Events as they happen."""
    reader = reading.reader_of(caller(call), call.query.get("types"))
    after = call.headers.get("last-event-id") or call.query.get("after")
    position = streaming.begin_after(call.read, reader, after)
    services = call.services
    stream = streaming.follow_events(services.store, reader, position, services.settings.stream_seconds)
    return Answer(stream=stream, media_type="text/event-stream")
