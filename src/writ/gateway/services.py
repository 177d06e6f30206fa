"""What the composition root hands to every step, handler and job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from redis import Redis

from writ.contract.errors import Refusal
from writ.gateway.call import Actor, Call
from writ.gateway.limits.limiter import Quota
from writ.gateway.reply import Reply
from writ.gateway.trace import Trace
from writ.settings import Settings
from writ.store.files import FileStore
from writ.store.secrets import Sealer
from writ.store.work import Store


class Authenticator(Protocol):
    """Whose credential is this? Filled by app.py, because the gateway knows no table."""

    def authenticate(self, call: Call) -> Actor | None:
        """The caller, or None when the request carries no credential.

        Raises:
            Refusal: there is a credential and it is not good, or its origin is foreign.
        """
        ...

    def signing(self, call: Call, actor: Actor) -> Signing | None:
        """What a request of this caller is signed with; None for a credential without a secret."""
        ...


@dataclass(frozen=True, slots=True)
class Signing:
    """What requests are signed with: the id of the key, the names that a signature may call it by (keyid),
    and the secrets that are good now, newest first.
    """

    key: str
    names: frozenset[str]
    secrets: tuple[bytes, ...]


class Limiter(Protocol):
    """How much may be done? Fills `trace.limits`, the headers that say so."""

    def admit(self, call: Call) -> None:
        """Count a request whose caller is known, or that needs no credential.

        Raises:
            Refusal: RATE_LIMITED with Retry-After.
        """
        ...

    def admit_stranger(self, trace: Trace) -> None:
        """Count a request that was refused before `admit`, by its address.

        Raises:
            Refusal: RATE_LIMITED with Retry-After, in place of the refusal that it had.
        """
        ...

    def quotas_of(self, actor: Actor) -> list[Quota]:
        """Every limit that the caller's requests meet, and how much of it is used; counts nothing.

        Raises:
            Refusal: SERVICE_UNAVAILABLE, when it cannot be known now.
        """
        ...


class Once(Protocol):
    """What has been answered to this Idempotency-Key before?"""

    def begin(self, call: Call) -> Reply | None:
        """The first answer again, or None when the request is to be carried out, which is then noted.

        Raises:
            Refusal: the key was used for another request, or its first request still runs.
        """
        ...

    def keep(self, call: Call, reply: Reply) -> Reply | None:
        """Write the answer in the call's unit of work, which is committed next.

        Returns the answer that was given before when there is one after all: then nothing may be committed.
        """
        ...

    def keep_refusal(self, call: Call, refusal: Refusal, reply: Reply) -> Reply | None:
        """Write the handler's refusal in a unit of work of its own, if it is one that is kept.

        Returns the answer that was given before when there is one after all.
        """
        ...

    def end(self, call: Call) -> None:
        """The request is over, whatever became of it; called once for each `begin` that gave None."""
        ...


class Recorder(Protocol):
    """Where is this recorded? Every request is, once, before its answer is sent."""

    def record_written(self, call: Call, reply: Reply) -> None:
        """Write it in the call's unit of work, which is committed next."""
        ...

    def record(self, trace: Trace, status: int, code: str | None, response_bytes: int) -> None:
        """Record a request that left no record in a unit of work.

        Raises:
            OSError: it cannot be recorded, so it must not be answered.
        """
        ...


@dataclass(slots=True)
class Services:
    """The shared parts of one process."""

    settings: Settings
    store: Store
    files: FileStore
    redis: Redis
    authenticator: Authenticator
    sealer: Sealer
    limiter: Limiter
    once: Once
    recorder: Recorder
