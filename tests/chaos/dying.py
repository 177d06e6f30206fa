"""The real server, which kills itself and its supervisor at one point of a request, chosen by the test.

The product knows nothing of it: its services are wrapped here. WRIT_TEST_DEATH names a file; the request with
an Idempotency-Key that comes to the point named in it removes the file and ends everything by SIGKILL.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

import writ.app
import writ.store.work
from writ.cli import _serve
from writ.contract.errors import Refusal
from writ.gateway.call import Call
from writ.gateway.reply import Reply
from writ.gateway.services import Once, Recorder, Services
from writ.gateway.trace import Trace

# In the order in which a request comes by.
BEFORE_COMMIT = (
    "the request has come",
    "before begin",
    "after begin",
    "before the handler writes",
    "after the handler has written",
    "after the answer is written",
    "after the record is written",
    "before the commit",
)
AFTER_COMMIT = (
    "after the commit",
    "after the hand-over",
    "before end",
    "after end",
    "before the answer is sent",
    "within the answer",
)
ORDER = Path(os.environ.get("WRIT_TEST_DEATH", "/nonexistent"))
_here = threading.local()


def die_at(point: str) -> None:
    try:
        chosen = ORDER.read_text()
    except FileNotFoundError:
        return
    if chosen == point:
        ORDER.unlink()
        # The server was started in a group of its own: it and the process that would start another one.
        os.killpg(os.getpgrp(), signal.SIGKILL)


def at_work(point: str) -> None:
    """As `die_at`, in a thread that carries out a request with a key."""
    if getattr(_here, "at_work", False):
        die_at(point)


class DyingOnce:
    """Dies around every step of the protocol."""

    def __init__(self, once: Once) -> None:
        self.once = once

    def begin(self, call: Call) -> Reply | None:
        die_at("before begin")
        earlier = self.once.begin(call)
        if earlier is None:
            _here.at_work = True
            die_at("after begin")
        return earlier

    def keep(self, call: Call, reply: Reply) -> Reply | None:
        die_at("after the handler has written")
        earlier = self.once.keep(call, reply)
        die_at("after the answer is written")
        return earlier

    def keep_refusal(self, call: Call, refusal: Refusal, reply: Reply) -> Reply | None:
        return self.once.keep_refusal(call, refusal, reply)

    def end(self, call: Call) -> None:
        die_at("before end")
        _here.at_work = False
        self.once.end(call)
        die_at("after end")


class DyingRecorder:
    """Dies when the audit record is written and nothing is committed."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def record_written(self, call: Call, reply: Reply) -> None:
        self.recorder.record_written(call, reply)
        at_work("after the record is written")

    def record(self, trace: Trace, status: int, code: str | None, response_bytes: int) -> None:
        self.recorder.record(trace, status, code, response_bytes)


def wrap(services: Services) -> Services:
    services.once = DyingOnce(services.once)
    services.recorder = DyingRecorder(services.recorder)
    store: Any = services.store
    open_session, commit = store.open_session, store.commit
    run_after_commit = writ.store.work.run_after_commit

    def dying_open() -> Session:
        at_work("before the handler writes")
        found: Session = open_session()
        return found

    def dying_commit(session: Session) -> None:
        at_work("before the commit")
        commit(session)
        at_work("after the hand-over")

    def dying_hand_over(session: Session) -> None:
        at_work("after the commit")
        run_after_commit(session)

    store.open_session, store.commit = dying_open, dying_commit
    writ.store.work.run_after_commit = dying_hand_over
    return services


def mortal(app: Any) -> Any:
    async def serve(scope: Any, receive: Any, send: Callable[[Any], Any]) -> None:
        if not any(name == b"idempotency-key" for name, _ in scope.get("headers", ())):
            await app(scope, receive, send)
            return
        die_at("the request has come")

        async def dying_send(message: Any) -> None:
            if message["type"] == "http.response.start":
                die_at("before the answer is sent")
            await send(message)
            if message["type"] == "http.response.start":
                die_at("within the answer")

        await app(scope, receive, dying_send)

    return serve


def create() -> Any:
    """The factory that the server names."""
    make_services = writ.app.make_services
    writ.app.make_services = lambda settings: wrap(make_services(settings))
    return mortal(writ.app.create_app())


def serve(port: int) -> None:
    """The server, in a session of its own: what kills its group ends no one else."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _serve("tests.chaos.dying:create", "127.0.0.1", port, 1)


def breed(port: int) -> None:
    """A server for each line that comes, forked, and its number for an answer.

    It is started dozens of times, and to import everything takes longer than to start.
    """
    # Nobody waits for those that are dead: the kernel is to forget them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while sys.stdin.readline():
        pid = os.fork()
        if pid == 0:
            try:
                serve(port)
            finally:
                os._exit(1)
        print(pid, flush=True)


if __name__ == "__main__":
    breed(int(sys.argv[1]))
