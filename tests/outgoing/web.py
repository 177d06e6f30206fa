"""A TLS server on loopback with a throw-away authority, for tests of outgoing calls."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass(frozen=True)
class Authority:
    """A certificate authority's file, and a certificate for localhost and 127.0.0.1 with its key."""

    ca: Path
    certificate: Path
    key: Path


def make_authority(folder: Path) -> Authority:
    """Make both with the openssl program."""
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    key, request, certificate = folder / "host.key", folder / "host.csr", folder / "host.pem"
    extensions = folder / "host.ext"
    extensions.write_text("subjectAltName=DNS:localhost,DNS:git.example.test,IP:127.0.0.1\n")
    ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")

    def openssl(*arguments: str | Path) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    openssl(
        *("req", "-x509", *ec, "-keyout", ca_key, "-out", ca, "-days", "2", "-subj", "/CN=Test authority"),
        *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"),
    )
    openssl("req", *ec, "-keyout", key, "-out", request, "-subj", "/CN=localhost")
    openssl(
        *("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2"),
        *("-extfile", extensions, "-out", certificate),
    )
    return Authority(ca, certificate, key)


@dataclass
class Web:
    """A running server; `seen` are the request lines and their Authorization."""

    port: int
    seen: list[tuple[str, str | None]] = field(default_factory=list)


Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serve(answer: Answer, authority: Authority | None) -> Iterator[Web]:
    """Serve GET and POST by `answer` until the block ends; without an authority in plain http."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.seen.append((self.path, self.headers.get("Authorization")))
            answer(self)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.certificate, authority.key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    web = Web(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
