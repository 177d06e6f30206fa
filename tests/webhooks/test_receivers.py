"""Receivers without manners: what they do is recorded, limited and tried again."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
import time
from collections.abc import AsyncIterator
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.webhooks.conftest import World, until
from tests.webhooks.receiver import Manners, Received, Receiver, answer
from writ.contract.errors import Refusal
from writ.events.sender import Outcome, Sender
from writ.events.signing import Signer
from writ.events.webhook_models import RESPONSE_MAX_BYTES
from writ.outgoing import guard

LOOPBACK = (ip_network("127.0.0.0/8"),)


async def hang_up(_receiver: Receiver, _request: Received, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def never(_receiver: Receiver, _request: Received, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def garbage(_receiver: Receiver, _request: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\x01 what is this\r\n\r\n")


async def drip(_receiver: Receiver, _request: Received, writer: asyncio.StreamWriter) -> None:
    for letter in b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n":
        writer.write(bytes([letter]))
        await writer.drain()
        await asyncio.sleep(0.2)


async def endless_headers(_receiver: Receiver, _request: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    with contextlib.suppress(ConnectionError):
        for _ in range(1000):
            writer.write(b"X-Filler: " + b"x" * 4000 + b"\r\n")
            await writer.drain()


async def ten_megabytes(receiver: Receiver, _request: Received, writer: asyncio.StreamWriter) -> None:
    size = 10_000_000
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
    with contextlib.suppress(ConnectionError):
        while receiver.sent_bytes < size:
            writer.write(b"y" * 65536)
            await writer.drain()
            receiver.sent_bytes += 65536


async def nul(_receiver: Receiver, _request: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 500 X\r\nContent-Length: 5\r\n\r\na\x00b\xff\xfe")


BAD: dict[str, tuple[Manners, int | None, str | None]] = {
    "hangs up": (hang_up, None, "hung up"),
    "never answers": (never, None, "did not answer in time"),
    "answers a letter at a time": (drip, None, "did not answer in time"),
    "answers garbage": (garbage, None, "not HTTP"),
    "endless headers": (endless_headers, None, "not HTTP"),
    "redirects": (answer(302, b"", Location="http://127.0.0.1:1/"), 302, None),
    "fails": (answer(500, b"broken"), 500, None),
    "answers what no text holds": (nul, 500, None),
}
"""What a receiver does, the status that is recorded, and part of the error."""


async def post(url: str, *, seconds: float = 1.0, trusted: tuple[guard.Network, ...] = LOOPBACK) -> Outcome:
    sender = Sender(trusted, total_seconds=seconds, connect_seconds=1.0)
    try:
        return await sender.post(sender.target(url), Signer("a secret of mine"), "evt_1", "job.failed", b"{}")
    finally:
        await sender.close()


@pytest.mark.parametrize("name", BAD)
@pytest.mark.requirement("S3-167", "S3-168", "S3-165")
def test_what_a_bad_receiver_does_is_told(name: str) -> None:
    manners, status, error = BAD[name]

    async def scenario() -> None:
        async with Receiver(manners) as receiver:
            outcome = await post(receiver.url)
            assert not outcome.success
            assert outcome.status == status
            assert error is None or error in (outcome.error or ""), outcome.error
            assert outcome.milliseconds < 5_000
            assert len(receiver.requests) == 1, (
                "redirects are not followed, and nothing is sent twice at once"
            )

    asyncio.run(scenario())


def test_ten_megabytes_are_not_read() -> None:
    async def scenario() -> None:
        async with Receiver(ten_megabytes) as receiver:
            outcome = await post(receiver.url, seconds=5.0)
            await asyncio.sleep(0.3)
            assert outcome.success
            assert outcome.body == "y" * RESPONSE_MAX_BYTES
            assert receiver.sent_bytes < 8_000_000, "what fits into the buffers of the kernel, and no more"

    asyncio.run(scenario())


def test_nobody_listens() -> None:
    outcome = asyncio.run(post("http://127.0.0.1:1/"))
    assert outcome.status is None
    assert "The connection failed" in (outcome.error or "")


SPELLINGS = (
    *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001"),
    *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[64:ff9b::7f00:1]"),
    *("[2002:7f00:1::]", "localhost", "localhost.", "LOCALHOST", "10.0.0.1", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "0.0.0.0", "[fe80::1]", "[fd00::1]", "[::]"),
)


@pytest.mark.parametrize("host", SPELLINGS)
def test_a_private_address_is_refused_however_it_is_spelled(host: str) -> None:
    async def refused() -> None:
        sender = Sender(())
        try:
            sender.target(f"http://{host}:8080/hook")
        finally:
            await sender.close()

    with pytest.raises(Refusal) as caught:
        asyncio.run(refused())
    assert caught.value.code == "URL_NOT_ALLOWED"


@pytest.mark.requirement("S4-171")
@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["203.0.113.9", "10.0.0.1"], ["::1"], ["93.184.216.34", "::ffff:10.0.0.1"]]
)
def test_a_name_that_leads_to_a_private_address_is_not_called(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        return [(None, None, None, "", (address, 80)) for address in addresses]

    monkeypatch.setattr(
        "writ.outgoing.connector.resolve_allowed",
        lambda host, port, trusted: guard.resolve_allowed(host, port, trusted, resolver=resolve),
    )
    outcome = asyncio.run(post("http://hooks.example.com/", trusted=()))
    assert outcome.status is None
    assert "may not be called" in (outcome.error or ""), outcome.error


def test_the_address_that_is_connected_to_is_what_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is judged good and connects to something else: the socket is not even made."""
    monkeypatch.setattr("writ.outgoing.connector.resolve_allowed", lambda *_: [ip_address("127.0.0.1")])
    outcome = asyncio.run(post("http://hooks.example.com/", trusted=()))
    assert outcome.status is None
    assert "127.0.0.1 is private" in (outcome.error or ""), outcome.error


@contextlib.asynccontextmanager
async def with_tls(folder: Path) -> AsyncIterator[int]:
    """A server whose certificate nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    async def scenario() -> Outcome:
        async with with_tls(tmp_path) as port:
            return await post(f"https://127.0.0.1:{port}/")

    outcome = asyncio.run(scenario())
    assert outcome.status is None
    assert "TLS failed" in (outcome.error or ""), outcome.error


@pytest.mark.requirement("S0-61", "S3-170")
def test_bad_receivers_are_recorded_and_tried_again(small_world: World) -> None:
    world = small_world

    async def scenario() -> None:
        manners = [BAD[name][0] for name in ("hangs up", "answers garbage", "redirects", "fails")]
        receivers = [await Receiver(one).__aenter__() for one in manners]
        policy = {"max_attempts": 2, "backoff": "fixed", "initial_seconds": 1}
        for receiver in receivers:
            world.subscribe(receiver.url, retry_policy=policy)
        async with world.engine():
            world.publish()
            await until(lambda: [row.status for row in world.rows()] == ["failed"] * 4)
        for receiver in receivers:
            assert len(receiver.requests) == 2
            await receiver.__aexit__()
        assert {row.attempt_number for row in world.rows()} == {2}
        assert {row.next_retry_at for row in world.rows()} == {None}

    asyncio.run(scenario())


@pytest.mark.requirement("S0-60")
def test_a_dead_receiver_holds_up_nobody(small_world: World) -> None:
    world = small_world

    async def scenario() -> None:
        async with Receiver(never) as dead, Receiver() as alive, world.engine():
            world.subscribe(dead.url)
            world.subscribe(alive.url)
            await until(lambda: True)
            begun = time.monotonic()
            for number in range(300):
                world.publish(subject=f"environment:{number}")
            await until(lambda: len(alive.requests) == 300, 60)
            seconds = time.monotonic() - begun
            assert len(set(alive.ids)) == 300
            assert len(dead.requests) <= 16, "so many may be under way to one endpoint"
            assert seconds < 25, "the dead one's time is over after 30 s"

    asyncio.run(scenario())
