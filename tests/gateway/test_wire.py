"""The bytes on the wire, through a real granian: what is refused early, what is streamed, what is logged."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import orjson
import pytest

from tests.gateway.harness import COOKIE, Server

MIB = 1 << 20


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=20) as opened:
        yield opened


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def receive_all(wire: socket.socket) -> bytes:
    received = b""
    try:
        while block := wire.recv(65536):
            received += block
    except ConnectionResetError:
        pass
    return received


def line_of(server: Server, path: str, number: int = 1) -> dict[str, Any]:
    """The log's line of the last request of this path, once there are `number` of them."""
    give_up = time.monotonic() + 8
    while time.monotonic() < give_up:
        found = [line for line in server.lines() if line.get("path") == path]
        if len(found) >= number:
            return dict(found[-1])
        time.sleep(0.02)
    raise AssertionError(f"no line for {path}: {server.log.read_text()[-2000:]}")


def requests_of(server: Server, path: str) -> int:
    return sum(line.get("path") == path for line in server.lines())


def test_a_declared_length_is_refused_before_anything_is_sent(server: Server) -> None:
    with closing(connect(server)) as wire:
        wire.sendall(
            b"POST /api/items HTTP/1.1\r\nHost: writ.example.com\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000000000\r\n\r\n"
        )
        received = receive_all(wire)
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b'"PAYLOAD_TOO_LARGE"' in received


@pytest.mark.parametrize("path", [b"/api/items", b"/api/pushes"])
def test_a_chunked_body_is_refused_before_its_end(server: Server, path: bytes) -> None:
    with closing(connect(server)) as wire:
        wire.sendall(
            b"POST %s HTTP/1.1\r\nHost: writ.example.com\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" % path
        )
        # The end of the body is never sent: the answer must come without it, and the connection be closed.
        for _ in range(3):
            wire.sendall(b"8000\r\n" + b" " * 0x8000 + b"\r\n")
        received = receive_all(wire)
    assert received.startswith(b"HTTP/1.1 413 " if path == b"/api/items" else b"HTTP/1.1 400 ")


def test_head_and_empty_answers_leave_the_connection_usable(server: Server) -> None:
    with closing(connect(server)) as wire:
        for start in (
            b"HEAD /api/items",
            b"OPTIONS /api/items",
            b"DELETE /api/items/12345678-1234-4234-8234-123456789012",
            b"HEAD /api/streams",
            b"HEAD /api/nothing",
        ):
            wire.sendall(start + b" HTTP/1.1\r\nHost: writ.example.com\r\n\r\n")
            received = wire.recv(65536)
            assert received.startswith(b"HTTP/1.1 ")
            assert received.endswith(b"\r\n\r\n"), "an answer without content has some"
        wire.sendall(b"GET /api/items HTTP/1.1\r\nHost: writ.example.com\r\nConnection: close\r\n\r\n")
        received = receive_all(wire)
        assert received.startswith(b"HTTP/1.1 200 ")
        assert received.endswith(b"}")


def test_chunked_json_is_read(client: httpx.Client) -> None:
    got = client.post(
        "/api/items", content=iter([b'{"name":', b'"a"}']), headers={"Content-Type": "application/json"}
    )
    assert (got.status_code, got.json()) == (201, {"body": {"name": "a"}})


def test_paths_are_decoded_once(client: httpx.Client) -> None:
    assert client.get("/api/numbers/%31").json()["path"] == {"number": 1}
    for path in ("/api/numbers/%2531", "/api/numbers/%FF", "/api/items%2Fmine/x", "/api/%00"):
        assert client.get(path).status_code in (400, 404, 422), path


@pytest.mark.parametrize(("how", "after"), [("events", 20), ("blocks&size=1000000", 3 * MIB)])
def test_a_stream_ends_when_its_client_is_gone(
    server: Server, client: httpx.Client, how: str, after: int
) -> None:
    before, received = requests_of(server, "/api/streams"), 0
    with client.stream("GET", f"/api/streams?how={how}") as got:
        for block in got.iter_raw():
            received += len(block)
            if received > after:
                break
        assert requests_of(server, "/api/streams") == before
    # The line is written when the stream has been closed.
    assert line_of(server, "/api/streams", before + 1)["status"] == 200


def test_a_stream_that_breaks_off_does_not_look_complete(client: httpx.Client) -> None:
    with pytest.raises(httpx.RemoteProtocolError), client.stream("GET", "/api/streams?how=breaks") as got:
        assert got.read() == b"never"


def test_a_large_download_does_not_stand_in_memory(server: Server, client: httpx.Client) -> None:
    before = server.memory()
    with client.stream("GET", "/api/streams?how=blocks&size=600") as got:
        blocks = got.iter_raw()
        received = len(next(blocks))
        # A client that is slow to read must not make the server read ahead for it.
        time.sleep(1)
        received += sum(map(len, blocks))
    assert received == 600 * (MIB // 4)
    assert server.memory() - before < 48 * MIB


def test_a_large_upload_does_not_stand_in_memory(server: Server, client: httpx.Client) -> None:
    before = server.memory()
    got = client.post(
        "/api/files", content=(b"x" * MIB for _ in range(150)), headers={"Content-Type": "application/zip"}
    )
    assert got.json()["body"]["size"] == 150 * MIB
    assert server.memory() - before < 48 * MIB


def test_one_line_a_request_without_query_or_secrets(server: Server, client: httpx.Client) -> None:
    secret = "hunter2-hunter2"
    answers = [
        client.get("/api/private", headers=COOKIE, params={"token": secret}),
        client.get("/api/private", headers={"Authorization": secret, "Cookie": f"session_token={secret}"}),
        client.post("/api/accounts", json={"email": secret, "password": secret}),
        client.post(
            "/api/accounts", content=b"{" + secret.encode(), headers={"Content-Type": "application/json"}
        ),
        client.get("/healthz", params={"token": secret}),
    ]
    ids = [got.headers["X-Request-Id"] for got in answers]
    assert len(set(ids)) == len(answers)
    give_up = time.monotonic() + 8
    lines: list[dict[str, Any]] = []
    while len(lines) < len(ids) and time.monotonic() < give_up:
        lines = [line for line in server.lines() if line.get("id") in ids]
    assert [line["id"] for line in lines] == ids
    assert [line["status"] for line in lines] == [got.status_code for got in answers]
    fields = {"id", "method", "path", "status", "operation", "ms", "address", "event", "level", "timestamp"}
    assert all(set(line) == fields and line["address"] == "127.0.0.1" for line in lines)
    assert secret.encode() not in orjson.dumps(server.lines())


def test_an_unforeseen_error_is_logged_with_the_id_that_the_client_has(
    server: Server, client: httpx.Client
) -> None:
    got = client.get("/api/fails")
    assert got.status_code == 500
    line_of(server, "/api/fails")
    [line] = [line for line in server.lines() if line["event"] == "unexpected_error"]
    assert line["request_id"] == got.headers["X-Request-Id"]
    assert "RuntimeError" in line["exception"]


def test_a_client_that_hangs_up_within_its_body_is_logged_as_gone(server: Server) -> None:
    with closing(connect(server)) as wire:
        wire.sendall(
            b"POST /api/trees HTTP/1.1\r\nHost: writ.example.com\r\nContent-Type: application/json\r\n"
            b'Content-Length: 100\r\n\r\n{"name":'
        )
        time.sleep(0.2)
    assert line_of(server, "/api/trees")["status"] == 499
