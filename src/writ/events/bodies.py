"""Payloads in memory, so that an event that many webhooks hear of is made into one once."""

from __future__ import annotations

import threading

MOST_BYTES = 64 << 20


class Bodies:
    """Payloads by the id of their event (hexadecimal digits); the oldest go when there are too many bytes.

    Several threads may use it.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._bytes = most_bytes, 0
        self._found: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def get(self, event_id: str) -> bytes | None:
        """The payload, if it is kept."""
        return self._found.get(event_id)

    def put(self, event_id: str, body: bytes) -> None:
        """Keep a payload."""
        with self._lock:
            if event_id in self._found:
                return
            self._found[event_id] = body
            self._bytes += len(body)
            while self._bytes > self._most:
                self._bytes -= len(self._found.pop(next(iter(self._found))))
