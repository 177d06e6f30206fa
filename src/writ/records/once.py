"""Once: a request with an Idempotency-Key is carried out once, and answered as often as it is sent.

Follows draft-ietf-httpapi-idempotency-key-header-07, and Stripe in which answers are kept; the whole of it is
in docs/idempotency.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from writ_contract.errors import IDEMPOTENCY_IN_PROGRESS, IDEMPOTENCY_KEY_REUSED, SERVICE_UNAVAILABLE

from writ.contract.errors import FieldError, Refusal
from writ.gateway.call import Call
from writ.gateway.reply import Reply
from writ.records.claims import claims_of
from writ.records.kept import find_kept, purge_kept, write_kept
from writ.records.sameness import HEADER, claim_of, fingerprint_of, hash_of, owner_of, read_key
from writ.settings import Settings
from writ.store.base import now
from writ.store.secrets import SealBroken, Sealer
from writ.store.work import Store

log = structlog.get_logger(__name__)

KEPT_REFUSALS = frozenset((404, 409, 410, 423, 500))
"""The refusals of a handler that are kept. Others say nothing of the order, but of the caller, the form of
the request, or the moment, and may be otherwise the next time.
"""
RETRY_SECONDS = 1
PURGE_EVERY, PURGE_ROWS = 100, 200
"""After so many answers a process deletes so many whose time is over: twice as many go as come."""
_REPLAYED = (b"idempotent-replayed", b"true")
_OWN = frozenset((b"x-request-id", b"set-cookie"))
"""Headers that are each answer's own. Nobody gets a cookie twice."""


@dataclass(frozen=True, slots=True)
class _Running:
    """A request that is being carried out, and holds the claim."""

    organization_id: UUID
    owner: str
    key_hash: str
    fingerprint: str

    @property
    def claim(self) -> int:
        return claim_of(self.key_hash)


class KeptAnswers:
    """Meets `writ.gateway.services.Once`."""

    def __init__(self, settings: Settings, store: Store, sealer: Sealer) -> None:
        self._store, self._sealer = store, sealer
        self._secret = settings.secret()
        self._life = timedelta(hours=settings.idempotency_hours)
        self._claims = claims_of(store)
        self._written = 0

    def begin(self, call: Call) -> Reply | None:
        """The first answer again; None when the request is to be carried out, and then it is claimed.

        Without a caller there is nobody to keep an answer for, and the key counts for nothing.

        Raises:
            Refusal: IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_PROGRESS with Retry-After, or SERVICE_UNAVAILABLE
                when the answer cannot be opened.
        """
        actor = call.actor
        if actor is None or actor.organization_id is None:
            return None
        owner = owner_of(actor)
        running = _Running(
            actor.organization_id,
            owner,
            hash_of(actor.organization_id, owner, read_key(call.headers[HEADER])),
            fingerprint_of(call, self._secret),
        )
        # The claim comes first: whoever has it and finds no answer knows that nobody else is at it.
        claimed = self._claims.take(running.claim)
        try:
            earlier = self._find(call, running)
            if earlier is None and claimed:
                call.kept_answer, claimed = running, False
                return None
        finally:
            if claimed:
                self._claims.give_back(running.claim)
        if earlier is None:
            raise Refusal(IDEMPOTENCY_IN_PROGRESS, headers={"Retry-After": str(RETRY_SECONDS)})
        return earlier

    def keep(self, call: Call, reply: Reply) -> Reply | None:
        """Write a success in the call's unit of work; if there is an answer already, return that one.

        A stream is not kept.

        Raises:
            Refusal: as `begin`.
        """
        running = call.kept_answer
        if running is None or reply.stream is not None or not 200 <= reply.status < 300:
            return None
        return self._write(call, call.session.connection(), running, reply)

    def keep_refusal(self, call: Call, refusal: Refusal, reply: Reply) -> Reply | None:
        """Write a refusal, if it is kept, in a unit of its own; return the answer that is there, if one is.

        Raises:
            Refusal: as `begin`.
        """
        running = call.kept_answer
        if running is None or reply.status not in KEPT_REFUSALS:
            return None
        with self._store.begin() as session:
            return self._write(call, session.connection(), running, reply)

    def end(self, call: Call) -> None:
        """Give the claim back."""
        running, call.kept_answer = call.kept_answer, None
        if running is None:
            return
        self._claims.give_back(running.claim)
        # Not while this thread has a unit of work open, for which it would wait for ever.
        if self._written >= PURGE_EVERY and not call.writes:
            self._written = 0
            try:
                purge_kept(self._store, PURGE_ROWS)
            except SQLAlchemyError:
                log.warning("kept_answers_not_purged", exc_info=True)

    def _write(self, call: Call, connection: Connection, running: _Running, reply: Reply) -> Reply | None:
        moment = now()
        written = write_kept(
            connection,
            {
                "key_hash": running.key_hash,
                "organization_id": running.organization_id,
                "owner": running.owner,
                "operation": call.operation.id,
                "fingerprint": running.fingerprint,
                "status": reply.status,
                "sealed": self._sealer.seal(_pack(reply), _place(running.key_hash)),
                "job_id": _job_of(reply),
                "created_at": moment,
                "expires_at": moment + self._life,
            },
        )
        self._written += 1
        # Somebody was first although this request had the claim: the connection that held it had broken.
        return None if written else self._find(call, running)

    def _find(self, call: Call, running: _Running) -> Reply | None:
        found = find_kept(call.read, running.key_hash)
        if found is None:
            return None
        fingerprint, sealed = found
        if fingerprint != running.fingerprint:
            fault = FieldError(f"/header/{HEADER}", IDEMPOTENCY_KEY_REUSED, "was used for another request")
            raise Refusal(IDEMPOTENCY_KEY_REUSED, errors=[fault])
        try:
            reply = _unpack(self._sealer.open(sealed, _place(running.key_hash)))
        except SealBroken as error:
            log.error("kept_answer_not_opened", request_id=call.request_id, exc_info=error)
            raise Refusal(
                SERVICE_UNAVAILABLE, "The request was carried out before, but its answer cannot be read."
            ) from None
        reply.headers += [(b"x-request-id", call.request_id.encode()), _REPLAYED]
        return reply


def _place(key_hash: str) -> str:
    return f"idempotency:{key_hash}"


def _pack(reply: Reply) -> bytes:
    headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in reply.headers if n not in _OWN]
    return orjson.dumps((reply.status, reply.code, headers)) + b"\n" + reply.body


def _unpack(packed: bytes) -> Reply:
    head, _, body = packed.partition(b"\n")
    status, code, headers = orjson.loads(head)
    return Reply(status, [(n.encode("latin-1"), v.encode("latin-1")) for n, v in headers], body, code=code)


def _job_of(reply: Reply) -> UUID | None:
    if reply.status != 202:
        return None
    answer: Any = orjson.loads(reply.body)
    job_id = answer.get("job_id") if isinstance(answer, dict) else None
    return UUID(job_id) if job_id is not None else None
