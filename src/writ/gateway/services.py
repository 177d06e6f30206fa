"""What the composition root hands to every step, handler and job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from redis import Redis

from writ.gateway.call import Actor, Call
from writ.settings import Settings
from writ.store.files import FileStore
from writ.store.work import Store


class Authenticator(Protocol):
    """Whose credential is this? Filled by app.py, because the gateway knows no table."""

    def authenticate(self, call: Call) -> Actor | None:
        """The caller, or None when the request carries no credential.

        Raises:
            Refusal: there is a credential and it is not good, or its origin is foreign.
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
