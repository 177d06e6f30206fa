"""One function an operation: call, then answer."""

from __future__ import annotations

from writ.gateway.call import Answer, Call, accepted, ok
from writ.gateway.sight import sight_of
from writ.jobs import control, reading, streaming


def list_jobs(call: Call) -> Answer:
    """GET /jobs."""
    return ok(reading.list_jobs(call.read, sight_of(call), call.query))


def get_job(call: Call) -> Answer:
    """GET /jobs/{id}."""
    return ok(reading.get_job(call.read, sight_of(call), call.path["id"]))


def get_job_log(call: Call) -> Answer:
    """GET /jobs/{id}/log."""
    return ok(reading.get_job_log(call.read, sight_of(call), call.path["id"], call.query))


def cancel_job(call: Call) -> Answer:
    """POST /jobs/{id}/cancel."""
    control.cancel_job(call.session, sight_of(call), call.path["id"])
    return accepted(call.path["id"])


def retry_job(call: Call) -> Answer:
    """POST /jobs/{id}/retry."""
    created_by = call.actor.id if call.actor is not None else None
    new = control.retry_job(call.session, sight_of(call), call.path["id"], created_by=created_by)
    return accepted(new)


def stream_job_events(call: Call) -> Answer:
    """GET /jobs/{id}/events."""
    job_id, sight = call.path["id"], sight_of(call)
    reading.get_job(call.read, sight, job_id)
    after = int(call.headers.get("last-event-id", "0"))
    stream = streaming.follow_job(call.services.store, sight, job_id, after)
    return Answer(stream=stream, media_type="text/event-stream")
