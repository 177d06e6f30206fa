"""One line in the log for every request."""

from __future__ import annotations

from writ.logs import write_info


def record(
    request_id: str, method: str, path: str, status: int, operation: str | None, seconds: float, address: str
) -> None:
    """Write the line. The query string is left out: it may hold what nobody should read."""
    write_info(
        "request",
        {
            "id": request_id,
            "method": method,
            "path": path,
            "status": status,
            "operation": operation,
            "ms": round(seconds * 1000, 2),
            "address": address,
        },
    )
