"""The handler, in one unit of work: committed whole when it answers, rolled back whole when it does not."""

from __future__ import annotations

import structlog
from sqlalchemy.exc import IntegrityError, OperationalError

from writ.contract.errors import Refusal
from writ.gateway.call import Answer, Call
from writ.gateway.reply import Reply, render, render_refusal_of
from writ.gateway.services import Once, Recorder
from writ.gateway.steps import AFTER_BODY, BEFORE_BODY

log = structlog.get_logger(__name__)


def before_body(call: Call) -> None:
    """The steps that need no body; for bodies that are streamed after them."""
    try:
        for step in BEFORE_BODY:
            step(call)
    finally:
        call.close()


def carry(call: Call) -> Reply:
    """All steps and the handler, in the thread that this is called in.

    Raises:
        Refusal: a step or the handler said no; nothing was written.
    """
    try:
        for step in BEFORE_BODY:
            step(call)
        return _handle(call)
    finally:
        call.close()


def carry_on(call: Call) -> Reply:
    """What follows `before_body` once the body is there."""
    try:
        return _handle(call)
    finally:
        call.close()


def _handle(call: Call) -> Reply:
    for step in AFTER_BODY:
        step(call)
    services = call.services
    if not call.operation.once or "idempotency-key" not in call.headers:
        return _carry_out(call, services.recorder)
    earlier = services.once.begin(call)
    if earlier is not None:
        return earlier
    try:
        return _carry_out(call, services.recorder, services.once)
    finally:
        services.once.end(call)


def _carry_out(call: Call, recorder: Recorder, once: Once | None = None) -> Reply:
    try:
        answer: Answer = call.operation.handler(call)
    except Exception as error:
        if once is None:
            raise
        refusal = as_refusal(error, call.request_id)
        call.close()
        reply = render_refusal_of(call.operation, refusal, call.request_id)
        return once.keep_refusal(call, refusal, reply) or reply
    # Rendered first: an answer that cannot be sent must not leave its effect behind.
    reply = render(answer, call.request_id)
    if once is not None and (earlier := once.keep(call, reply)) is not None:
        call.close()
        return earlier
    if call.writes:
        recorder.record_written(call, reply)
        call.commit()
        call.trace.recorded = True
    return reply


def as_refusal(error: Exception, request_id: str) -> Refusal:
    """What an error that no rule foresaw looks like from outside: nothing internal leaks."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, OperationalError):
        log.warning("database_unavailable", request_id=request_id, exc_info=error)
        return Refusal("SERVICE_UNAVAILABLE", headers={"Retry-After": "2"})
    if isinstance(error, IntegrityError):
        # Two requests wrote the same at the same moment and the database let only one pass.
        log.warning("write_conflict", request_id=request_id, exc_info=error)
    else:
        log.error("unexpected_error", request_id=request_id, exc_info=error)
    return Refusal("INTERNAL_ERROR")
