"""Keys looked up as the gateway does it, without a gateway."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from writ.access.key_cache import KeyCache
from writ.access.key_use import KeyUse
from writ.gateway.call import Actor
from writ.store.work import Store

HERE = "192.0.2.1"


class Asking:
    """What a key cache reads of a call, and what it writes on it."""

    def __init__(self, store: Store, connection: Connection | None, address: str = HERE) -> None:
        self.services = self
        self.store = store
        self.read = connection
        self.client_address = address
        self.headers: dict[str, str] = {}
        self.credential: Any = None
        self.actor: Actor | None = None


class NoUse(KeyUse):
    """Keeps what was noted, and writes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[Any] = []

    def note(self, store: Store, key_id: Any, at: Any) -> None:
        self.noted.append((key_id, at))


def find(store: Store, text: str, address: str = HERE, use: KeyUse | None = None) -> Actor:
    """Who calls with this key; nothing is remembered."""
    with store.read() as connection:
        asking: Any = Asking(store, connection, address)
        return KeyCache(use=use or NoUse()).find(asking, text)
