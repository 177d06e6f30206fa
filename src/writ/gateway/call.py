"""What a handler is given and what it gives back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from writ.contract.body import MediaRule
    from writ.contract.operation import Operation
    from writ.gateway.services import Services
    from writ.gateway.trace import Trace


@dataclass(frozen=True, slots=True)
class Actor:
    """Who calls. `kind` is the kind of credential: session or key, of which `session_id` or `key_id` says
    which one; token, by which an application acts for a user; application, by which it acts for itself.

    Of a key, id, email and role are those of the user who made it; of an application, id is that of the user
    who registered it, and its role is `application`. `scopes` is what the credential may do.
    `projects` are the sites that it is confined to, None when to none. `tier` and `rate_limits` (by the names
    that keys have: read_per_minute, write_per_minute, per_hour, burst) decide how much it may do.
    `forbidden` are the endpoints ("METHOD /path") that it may not call whatever its scopes are, `must_sign`
    says that its requests have to be signed.
    """

    id: UUID
    kind: str
    email: str
    role: str
    scopes: frozenset[str]
    session_id: UUID | None = None
    organization_id: UUID | None = None
    key_id: UUID | None = None
    application_id: UUID | None = None
    projects: frozenset[UUID] | None = None
    tier: str = "standard"
    rate_limits: Mapping[str, int] = field(default_factory=dict)
    forbidden: frozenset[str] = frozenset()
    must_sign: bool = False


@dataclass(frozen=True, slots=True)
class Spooled:
    """A body that was streamed to the disk: its path, size in bytes, SHA-256 (hex) and media type."""

    path: Path
    size: int
    sha256: str
    media_type: str


@dataclass(slots=True)
class Answer:
    """What a handler gives back. `body` is rendered as JSON unless `stream` is there."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()
    stream: Iterator[bytes] | AsyncIterator[bytes] | None = None
    media_type: str = "application/json"


class Call:
    """One request on its way: filled by the steps of the gateway, read by the handler.

    `trace` is what is recorded of it, whatever becomes of it. `signed_digest` is the Content-Digest that its
    signature vouches for, with which a body that is streamed has to be compared.
    `path`, `query` and `header_values` hold converted values with defaults filled in, `body` the parsed and
    validated body (a `Spooled` where the contract asks for a binary body). `session` is the unit of work,
    opened when first used and committed once by the dispatcher; `read` is a connection for selects that only
    answer. `credential` is what the authenticator knows of the caller beside the actor.
    """

    __slots__ = (
        "_reader",
        "_session",
        "actor",
        "body",
        "credential",
        "has_body",
        "header_values",
        "headers",
        "kept_answer",
        "media",
        "operation",
        "path",
        "query",
        "raw_body",
        "raw_path",
        "raw_query",
        "request_id",
        "scope",
        "services",
        "signed_digest",
        "trace",
    )

    def __init__(
        self, services: Services, operation: Operation, scope: Mapping[str, Any], trace: Trace
    ) -> None:
        self.services = services
        self.operation = operation
        self.scope = scope
        self.trace = trace
        self.request_id = trace.request_id
        self.kept_answer: Any = None
        self.headers: dict[str, str] = {}
        self.raw_path: tuple[str, ...] = ()
        self.raw_query: bytes = b""
        self.raw_body: bytes | Spooled | dict[str, Any] | None = None
        self.path: dict[str, Any] = {}
        self.query: dict[str, Any] = {}
        self.body: Any = None
        self.actor: Actor | None = None
        self.credential: Any = None
        self.has_body = False
        self.media: MediaRule | None = None
        self.signed_digest: str | None = None
        self.header_values: dict[str, Any] = {}
        self._session: Session | None = None
        self._reader: Connection | None = None

    @property
    def method(self) -> str:
        """The request's method, upper case; HEAD is answered as GET."""
        return str(self.scope["method"])

    @property
    def client_address(self) -> str:
        """The address of the peer, or an empty text when the server does not know it."""
        return self.trace.address

    @property
    def scheme(self) -> str:
        """`https` when the connection is, or when people reach the server through an https public address."""
        public = self.services.settings.public_url
        if public is not None and public.startswith("https://"):
            return "https"
        return str(self.scope.get("scheme", "http"))

    @property
    def session(self) -> Session:
        """The unit of work of this request."""
        if self._session is None:
            self._session = self.services.store.open_session()
        return self._session

    @property
    def writes(self) -> bool:
        """Whether the unit of work was opened."""
        return self._session is not None

    @property
    def read(self) -> Connection:
        """A connection in autocommit, for selects that only answer."""
        if self._reader is None:
            self._reader = self.services.store.thread_reader()
        return self._reader

    def cookie(self, name: str) -> str | None:
        """The value of the request's cookie, or None."""
        header = self.headers.get("cookie")
        if header is None:
            return None
        prefix = name + "="
        for part in header.split(";"):
            part = part.strip()
            if part.startswith(prefix):
                return part[len(prefix) :]
        return None

    def commit(self) -> None:
        """Commit the unit of work, if there is one. The dispatcher calls this once."""
        session, self._session = self._session, None
        if session is not None:
            try:
                self.services.store.commit(session)
            finally:
                session.close()

    def close(self) -> None:
        """Roll back what was not committed; the reader belongs to the thread."""
        session, self._session = self._session, None
        if session is not None:
            session.close()
        self._reader = None


def ok(body: Any) -> Answer:
    """200 with a JSON body."""
    return Answer(200, body)


def accepted(job_id: UUID) -> Answer:
    """202 with the job's id, and where to watch it."""
    return Answer(202, {"job_id": job_id}, {"Location": f"/api/jobs/{job_id}"})
