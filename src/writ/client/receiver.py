"""A receiver of webhooks on this machine, for people who write one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any

from writ.events.signing import decoded_key

TOLERANCE_SECONDS = 300
"""How old a timestamp may be, as Standard Webhooks advises."""

LARGEST_BODY = 1 << 20


def verify(secret: str, headers: Mapping[str, str], body: bytes, *, at: float | None = None) -> bool:
    """Whether the body was signed with the secret, by Standard Webhooks (`webhook-signature`, v1).

    `headers` have lower-case names; `at` is the time to compare with, in seconds since 1970. A `whsec_`
    secret stands for the bytes that its base64 decodes to, any other one for itself.
    """
    message_id, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not moment.isdigit() or abs((time.time() if at is None else at) - int(moment)) > TOLERANCE_SECONDS:
        return False
    signed = f"{message_id}.{moment}.".encode() + body
    good = base64.b64encode(
        hmac.digest(decoded_key(secret) or secret.encode(), signed, hashlib.sha256)
    ).decode()
    given = (entry.partition(",") for entry in headers.get("webhook-signature", "").split(" "))
    return any(version == "v1" and hmac.compare_digest(value, good) for version, _, value in given)


class Receiver:
    """An HTTP server on loopback that answers 204 to every POST; use it as a context manager."""

    def __init__(self, port: int = 0) -> None:
        self._got: SimpleQueue[tuple[dict[str, str], bytes]] = SimpleQueue()
        got = self._got

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = self.headers.get("content-length", "")
                size = int(length) if length.isdigit() else LARGEST_BODY + 1
                if size > LARGEST_BODY:
                    self.send_error(413)
                    return
                body = self.rfile.read(size)
                self.send_response(204)
                self.end_headers()
                got.put(({name.lower(): value for name, value in self.headers.items()}, body))

            def log_message(self, format: str, *_: object) -> None:
                """Say nothing: the events are what is printed."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Receiver:
        threading.Thread(target=self._server.serve_forever, name="receiver", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def events(self, secret: str, count: int | None = None) -> Iterator[dict[str, Any]]:
        """What comes in, as it comes: time, id, type, whether it is verified, and the body."""
        seen = 0
        while count is None or seen < count:
            headers, body = self._got.get()
            seen += 1
            try:
                content = json.loads(body)
            except ValueError:
                content = body.decode("utf-8", "replace")
            yield {
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "verified": verify(secret, headers, body),
                "id": headers.get("webhook-id", "-"),
                "type": content.get("type", "-") if isinstance(content, dict) else "-",
                "body": content,
            }
