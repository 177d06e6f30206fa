"""A receiver of webhooks on loopback: plain HTTP/1.1, every request kept, good or bad manners by choice."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass
class Received:
    """A request as it came. Header names are as they were written."""

    path: str
    headers: dict[str, str]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), None)

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


def verify_whole(secret: str, body: bytes, signature: str) -> bool:
    """Whether `signature`, `sha256=<hex>`, is the body's under the secret's text as it stands."""
    wanted = f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}"
    return hmac.compare_digest(wanted, signature)


Manners = Callable[["Receiver", Received, asyncio.StreamWriter], Awaitable[None]]


def answer(status: int = 200, body: bytes = b"ok", **headers: str) -> Manners:
    """Answers, and keeps the connection."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode()

    async def behave(_receiver: Receiver, _request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(head + body)

    return behave


@dataclass
class Receiver:
    """One endpoint. `manners` may be changed at any time."""

    manners: Manners = field(default_factory=answer)
    requests: list[Received] = field(default_factory=list)
    sent_bytes: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def __aenter__(self) -> Receiver:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = head.split("\r\n")
                headers = dict(line.split(": ", 1) for line in lines if line)
                length = next(int(v) for k, v in headers.items() if k.lower() == "content-length")
                request = Received(first.split()[1], headers, await reader.readexactly(length))
                self.requests.append(request)
                await self.manners(self, request, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    @property
    def ids(self) -> list[str]:
        return [request.json["id"] for request in self.requests]
