"""One line in the log for every request."""

from __future__ import annotations

from writ.gateway.trace import Trace
from writ.logs import write_info


def record(trace: Trace, status: int) -> None:
    """Write the line. The query string is left out: it may hold what nobody should read."""
    write_info(
        "request",
        {
            "id": trace.request_id,
            "method": trace.method,
            "path": trace.path,
            "status": status,
            "operation": trace.operation.id if trace.operation is not None else None,
            "ms": round(trace.seconds * 1000, 2),
            "address": trace.address,
        },
    )
