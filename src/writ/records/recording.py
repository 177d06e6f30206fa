"""Where a call is recorded: in its own unit of work if it has one, else in the journal of its process."""

from __future__ import annotations

from writ.gateway.call import Call
from writ.gateway.reply import Reply
from writ.gateway.trace import Trace
from writ.records.entry import make_line
from writ.records.journal import Journal

# On the path of every change, so it goes to the driver as it is.
_INSERT = {
    "sqlite": "INSERT INTO audit_pending (id, line) VALUES (?, ?)",
    "postgresql": "INSERT INTO audit_pending (id, line) VALUES (%s, %s)",
}


class AuditRecorder:
    """Meets `writ.gateway.services.Recorder`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def record_written(self, call: Call, reply: Reply) -> None:
        """Write it in the call's unit of work, which is committed next."""
        trace = call.trace
        line = make_line(trace, reply.status, reply.code, len(reply.body))
        connection = call.session.connection()
        name = connection.dialect.name
        connection.exec_driver_sql(_INSERT[name], (trace.id.bytes if name == "sqlite" else trace.id, line))

    def record(self, trace: Trace, status: int, code: str | None, response_bytes: int) -> None:
        """Record a request that left no record in a unit of work; on the event loop, before the answer.

        Raises:
            OSError: it cannot be recorded, so it must not be answered.
        """
        self._journal.append(make_line(trace, status, code, response_bytes))
