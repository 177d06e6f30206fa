"""One function an operation: call, then answer."""

from __future__ import annotations

from writ.gateway.call import Answer, Call, accepted, ok
from writ.jobs import control, reading, streaming


def list_jobs(call: Call) -> Answer:
    """GET /jobs."""
    return ok(reading.list_jobs(call.read, call.query))


def get_job(call: Call) -> Answer:
    """GET /jobs/{id}."""
    return ok(reading.get_job(call.read, call.path["id"]))


def get_job_log(call: Call) -> Answer:
    """GET /jobs/{id}/log."""
    return ok(reading.get_job_log(call.read, call.path["id"], call.query))


def cancel_job(call: Call) -> Answer:
    """POST /jobs/{id}/cancel."""
    control.cancel_job(call.session, call.path["id"])
    return accepted(call.path["id"])


def retry_job(call: Call) -> Answer:
    """POST /jobs/{id}/retry."""
    created_by = call.actor.id if call.actor is not None else None
    return accepted(control.retry_job(call.session, call.path["id"], created_by=created_by))


def stream_job_events(call: Call) -> Answer:
    """GET /jobs/{id}/events."""
    job_id = call.path["id"]
    reading.get_job(call.read, job_id)
    after = int(call.headers.get("last-event-id", "0"))
    stream = streaming.follow_job(call.services.store, job_id, after)
    return Answer(stream=stream, media_type="text/event-stream")
