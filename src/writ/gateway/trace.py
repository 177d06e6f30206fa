"""What is known of a request from its first line on, whatever becomes of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from writ.store.base import new_id

if TYPE_CHECKING:
    from writ.contract.operation import Operation
    from writ.gateway.call import Call


class Trace:
    """One request: its id, its place, its peer, and what the gateway has found out so far.

    `id` is a UUID version 7, so its first 48 bits are the time of the request; `request_id` shows it. `call`
    is None for what is no operation: an unknown path, a method that is not taken. `limits` are the headers
    that say how much may follow. `recorded` says that the audit log has it already, by the unit of work of
    the call. `request_bytes` counts the body as far as it was read.
    """

    __slots__ = (
        "address",
        "call",
        "id",
        "limits",
        "method",
        "operation",
        "path",
        "recorded",
        "request_bytes",
        "request_id",
        "scope",
        "started",
    )

    def __init__(self, scope: Mapping[str, Any]) -> None:
        self.id: UUID = new_id()
        self.request_id = f"req_{self.id.hex}"
        self.scope = scope
        self.started = time.perf_counter()
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        client = scope.get("client")
        self.address = str(client[0]) if client else ""
        self.operation: Operation | None = None
        self.call: Call | None = None
        self.limits: list[tuple[bytes, bytes]] = []
        self.recorded = False
        self.request_bytes = 0

    @property
    def seconds(self) -> float:
        """The time since the request came."""
        return time.perf_counter() - self.started

    def header(self, name: str) -> str:
        """The header by its lower-case name as it came; an empty text when there is none."""
        wanted = name.encode()
        for key, value in self.scope["headers"]:
            if key == wanted:
                return str(value.decode("latin-1"))
        return ""
