"""A receiver as fast as it gets: plain HTTP/1.1 on raw transports, an answer to every POST, and a note of it.

    python -m bench.peers.receiver PORT_FILE COUNT

It listens on COUNT ports, writes them to PORT_FILE, and answers `GET /notes` with
[[time, webhook-id, port], …] and `GET /count` with the number of them.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from pathlib import Path

import uvloop

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
NOTES: list[tuple[float, str, int]] = []


class Receiving(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.rest = transport, b""
        self.port: int = transport.get_extra_info("sockname")[1]

    def data_received(self, data: bytes) -> None:
        self.rest = data = self.rest + data if self.rest else data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            head = data[: end + 2]
            if head.startswith(b"GET"):
                notes = b"/notes" in head
                body = json.dumps(NOTES if notes else len(NOTES)).encode()
                self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)  # type: ignore[attr-defined]
                self.rest = data = data[end + 4 :]
                continue
            lowered = head.lower()
            at = lowered.find(b"content-length: ") + 16
            whole = end + 4 + int(head[at : head.index(b"\r", at)])
            if len(data) < whole:
                return
            at = lowered.find(b"webhook-id: ") + 12
            NOTES.append((time.time(), head[at : head.index(b"\r", at)].decode(), self.port))
            self.transport.write(OK)  # type: ignore[attr-defined]
            self.rest = data = data[whole:]


async def main(path: Path, count: int) -> None:
    """Listen until SIGTERM."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    servers = [await loop.create_server(Receiving, "127.0.0.1", 0) for _ in range(count)]
    part = path.with_suffix(".part")
    part.write_text(json.dumps([server.sockets[0].getsockname()[1] for server in servers]))
    part.replace(path)
    await stop.wait()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2])))
