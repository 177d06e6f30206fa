"""The front door with a contract of its own and nothing behind it: in process, or in a real server."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch
from urllib.parse import unquote
from uuid import UUID

import orjson
from connexion import ConnexionMiddleware
from redis import Redis
from sqlalchemy.orm import Session

from tests.gateway.contract import contract
from tests.gateway.without import NoLimits, NoRecords, NothingKept
from tests.support.redis import free_port
from writ.app import make_app
from writ.contract.errors import Refusal
from writ.gateway.call import Actor, Call
from writ.gateway.services import Services, Signing
from writ.settings import Settings
from writ.store.files import FileStore
from writ.store.secrets import Sealer
from writ.store.work import Store

ROOT = Path(__file__).resolve().parents[2]
COOKIE = {"Cookie": "session_token=fake-token"}
App = Callable[[Any, Any, Any], Awaitable[None]]


class FakeAuthenticator:
    """One token is good: no table is asked."""

    def authenticate(self, call: Call) -> Actor | None:
        token = call.cookie("session_token")
        if token is None:
            return None
        if token != "fake-token":
            raise Refusal("UNAUTHORIZED")
        return Actor(UUID(int=1), "session", "fake@example.com", "admin", frozenset(["other.read"]))

    def signing(self, call: Call, actor: Actor) -> Signing | None:
        return None


class NoStore:
    """No database: a unit of work that only remembers what became of it."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def open_session(self) -> Session:
        return cast(Session, self)

    def commit(self, _session: Session) -> None:
        self.events.append("commit")

    def close(self) -> None:
        self.events.append("close")


def make_services(home: Path, **settings: Any) -> Services:
    return Services(
        settings=Settings(home=home, **{"check_answers": True, "body_max_bytes": 65536, **settings}),
        store=cast(Store, NoStore()),
        files=FileStore(home / "files"),
        redis=cast(Redis, None),
        authenticator=FakeAuthenticator(),
        sealer=Sealer(b"k" * 32),
        limiter=NoLimits(),
        once=NothingKept(),
        recorder=NoRecords(),
    )


def make(
    home: Path,
    document: dict[str, Any] | None = None,
    services: Services | None = None,
    **settings: Any,
) -> ConnexionMiddleware:
    """Writ's application with another contract, which is what /openapi.json serves too."""
    document = document or contract()
    served = home / "openapi.json"
    served.write_bytes(orjson.dumps(document))
    with patch("writ.app.contract_path", lambda: served):
        return make_app(services or make_services(home, **settings), document)


@dataclass
class Got:
    """An answer as it was sent, piece by piece."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    pieces: int = 0
    parts_read: int = 0

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key == name]
        assert len(found) <= 1, found
        return found[0] if found else None


class Door:
    """Drives an ASGI application: every byte of the request is under the test's control."""

    def __init__(self, app: App, *, tolerant: bool = False) -> None:
        """`tolerant`: an error that the application lets through is a 500, as a server would make of it."""
        self.app = app
        self.tolerant = tolerant
        self.loop = asyncio.new_event_loop()

    def close(self) -> None:
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def __call__(self, method: str, target: str, **options: Any) -> Got:
        return self.loop.run_until_complete(self.ask(method, target, **options))

    async def ask(
        self,
        method: str,
        target: str,
        *,
        json: Any = ...,
        body: bytes | Iterable[bytes] = b"",
        type: str | None = None,
        headers: dict[str, str] | list[tuple[str, str]] | None = None,
        length: int | None = None,
        hang_up_after: int | None = None,
    ) -> Got:
        """`body` as an iterable is sent in parts without Content-Length, as a chunked one; `length` declares
        another length than the body has; the client is gone after `hang_up_after` pieces of the answer.
        """
        if json is not ...:
            body, type = orjson.dumps(json), type or "application/json"
        parts = [body] if isinstance(body, bytes) else list(body)
        path, _, query = target.partition("?")
        raw = [(b"host", b"writ.example.com")]
        lines = headers.items() if isinstance(headers, dict) else headers or ()
        raw += [(k.lower().encode(), v.encode("latin-1")) for k, v in lines]
        if type is not None:
            raw.append((b"content-type", type.encode()))
        if isinstance(body, bytes):
            if body or length is not None:
                raw.append((b"content-length", str(len(body) if length is None else length).encode()))
        else:
            raw.append((b"transfer-encoding", b"chunked"))
        got = Got()
        gone = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if got.parts_read < len(parts):
                got.parts_read += 1
                more = got.parts_read < len(parts)
                return {"type": "http.request", "body": parts[got.parts_read - 1], "more_body": more}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                got.status = message["status"]
                got.headers = [(k.decode().lower(), v.decode("latin-1")) for k, v in message["headers"]]
                return
            assert got.status, "a body before the start"
            got.body += message.get("body", b"")
            got.pieces += 1
            if hang_up_after is not None and got.pieces >= hang_up_after:
                gone.set()
            if not message.get("more_body"):
                gone.set()

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode("latin-1"),
            "headers": raw,
            "client": ("192.0.2.1", 1234),
            "server": ("writ.example.com", 80),
        }
        try:
            await self.app(scope, receive, send)
        except Exception:
            if not self.tolerant:
                raise
            got.status = got.status or 500
        return got


def create() -> ConnexionMiddleware:
    """The factory that the real server names."""
    from writ.logs import configure_logging

    configure_logging("info")
    return make(Path(os.environ["WRIT_HOME"]))


@dataclass
class Server:
    """The front door in a real granian."""

    port: int
    log: Path
    pid: int

    def lines(self) -> list[Any]:
        return [orjson.loads(line) for line in self.log.read_bytes().splitlines() if line.startswith(b"{")]

    def memory(self) -> int:
        """The largest resident size so far of the largest process of the server, in bytes."""
        peaks = []
        for pid in [self.pid, *_children(self.pid)]:
            status = Path(f"/proc/{pid}/status").read_text()
            peaks += [int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")]
        return max(peaks)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


@contextmanager
def serving(home: Path) -> Any:
    """A granian process of its own."""
    port, log = free_port(), home / "server.log"
    code = (
        "from writ.cli import _serve; import sys; "
        "_serve('tests.gateway.harness:create', '127.0.0.1', int(sys.argv[1]), 1)"
    )
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("WRIT_")},
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "src", ROOT / "generated", ROOT))),
        "WRIT_HOME": str(home),
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(port)], env=environment, stdout=out, stderr=out, cwd=home
        )
    try:
        import httpx

        give_up = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2)
                break
            except httpx.HTTPError:
                if time.monotonic() > give_up or process.poll() is not None:
                    raise TimeoutError(log.read_text()) from None
                time.sleep(0.05)
        yield Server(port, log, process.pid)
    finally:
        process.terminate()
        process.wait(15)
