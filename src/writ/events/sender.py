"""One attempt at a delivery: what goes out, what may come back, and what is made of it."""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import aiohttp
from yarl import URL

from writ.contract.errors import Refusal
from writ.events.retry import ASKS_TO_WAIT, parse_retry_after
from writ.events.signing import Signer
from writ.events.webhook_models import RESPONSE_MAX_BYTES
from writ.outgoing.connector import AddressRefused, vetted_connector
from writ.outgoing.guard import Network, parse_url
from writ.store.base import new_id, new_ids

USER_AGENT = "WedSync-Webhooks/1.0"
TOTAL_SECONDS = 30.0
CONNECT_SECONDS = 5.0
IDS_AT_A_TIME = 64
_LEFT_OUT = ("Accept", "Accept-Encoding")


@dataclass(slots=True)
class Outcome:
    """What came of an attempt. `status` is None when there was no answer, and `error` then says why.

    `retry_after` is in seconds; `milliseconds` from the first byte out to the last one in. `moment` is its
    end, in seconds since 1970.
    """

    attempt_id: UUID
    status: int | None
    body: str | None
    error: str | None
    retry_after: float | None
    milliseconds: int
    moment: float

    @property
    def success(self) -> bool:
        """Whether the receiver took it: any 2xx."""
        return self.status is not None and 200 <= self.status < 300


class Sender:
    """Posts signed payloads over connections that are kept open; made inside a running event loop.

    Redirects are not followed, cookies not kept, proxies of the environment not used.
    """

    def __init__(
        self,
        trusted: Sequence[Network],
        *,
        total_seconds: float = TOTAL_SECONDS,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> None:
        self._trusted = trusted
        self._ids: list[UUID] = []
        self._session = aiohttp.ClientSession(
            connector=vetted_connector(trusted),
            timeout=aiohttp.ClientTimeout(total=total_seconds, sock_connect=connect_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_LEFT_OUT,
            auto_decompress=False,
            trust_env=False,
            read_bufsize=RESPONSE_MAX_BYTES,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    def target(self, url: str) -> URL:
        """The URL as it is called. Raises Refusal URL_NOT_ALLOWED for one that may not be."""
        return URL(parse_url(url, self._trusted, plain=True).url, encoded=True)

    async def post(
        self, target: URL, signer: Signer, message_id: str, event_type: str, body: bytes
    ) -> Outcome:
        """Make one attempt; whatever goes wrong is in the outcome."""
        self._ids = self._ids or new_ids(IDS_AT_A_TIME)[::-1]
        attempt_id = self._ids.pop()
        begun = time.time()
        headers = signer.headers(message_id, int(begun), body)
        headers["Content-Type"] = "application/json"
        headers["User-Agent"] = USER_AGENT
        headers["X-WedSync-Event"] = event_type
        headers["X-WedSync-Delivery"] = str(attempt_id)
        status: int | None = None
        error: str | None = None
        retry_after: float | None = None
        pieces: list[bytes] = []
        try:
            async with self._session.post(
                target, data=body, headers=headers, allow_redirects=False
            ) as answer:
                status = answer.status
                if status in ASKS_TO_WAIT:
                    retry_after = parse_retry_after(answer.headers.get("Retry-After"), datetime.now(UTC))
                await _read_some(answer, pieces)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as fault:
            # An answer that broke off after its status is an answer all the same.
            error = _explain(fault)
        text = None
        if status is not None:
            # PostgreSQL keeps no NUL in a text.
            text = b"".join(pieces)[:RESPONSE_MAX_BYTES].decode("utf-8", "replace").replace("\0", "\ufffd")
        ended = time.time()
        return Outcome(attempt_id, status, text, error, retry_after, int((ended - begun) * 1000), ended)


async def _read_some(answer: aiohttp.ClientResponse, pieces: list[bytes]) -> None:
    content = answer.content
    left = RESPONSE_MAX_BYTES
    while left > 0:
        piece = await content.read(left)
        if not piece:
            return
        pieces.append(piece)
        left -= len(piece)
    if not content.at_eof():
        # Nobody reads the rest: the connection ends here.
        answer.close()


def _explain(fault: BaseException) -> str:
    if isinstance(fault, aiohttp.ConnectionTimeoutError):
        return "The connection was not made in time."
    if isinstance(fault, TimeoutError):
        return "The receiver did not answer in time."
    if isinstance(fault, aiohttp.ClientConnectorCertificateError):
        return f"TLS failed: {fault.certificate_error}."[:300]
    inner: BaseException | None = fault
    while inner is not None:
        if isinstance(inner, AddressRefused):
            return f"The address may not be called: {inner}."[:300]
        if isinstance(inner, ssl.SSLError):
            return f"TLS failed: {inner}."[:300]
        inner = getattr(inner, "os_error", None) or inner.__cause__
    if isinstance(fault, aiohttp.ServerDisconnectedError):
        return "The receiver hung up without an answer."
    if isinstance(fault, aiohttp.ClientConnectorError):
        return f"The connection failed: {fault.strerror or fault}."[:300]
    if isinstance(fault, aiohttp.ClientResponseError):
        return "The receiver's answer is not HTTP."
    return f"The connection broke off: {type(fault).__name__}."


async def send_once(
    url: str,
    signer: Signer,
    message_id: str,
    event_type: str,
    body: bytes,
    trusted: Sequence[Network],
    seconds: float,
) -> Outcome:
    """One attempt with a connection of its own that may take so many seconds."""
    sender = Sender(trusted, total_seconds=seconds, connect_seconds=min(seconds, CONNECT_SECONDS))
    try:
        return await sender.post(sender.target(url), signer, message_id, event_type, body)
    except Refusal as refusal:
        return Outcome(new_id(), None, None, refusal.message[:300], None, 0, time.time())
    finally:
        await sender.close()
