"""Keys that were found a moment ago, believed as long as nobody says that they changed.

A key that is revoked has to be refused at the very next request, whichever process it reaches. So what is
remembered is used to ask for the request's limits only, and the answer carries the mark of the organization
(see `key_marks`): with a mark, or without an answer, the key is looked up before anything else is done.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace

from writ_contract.errors import API_KEY_INVALID

from writ.access.key_lookup import FoundKey, find_key
from writ.access.key_marks import REMEMBERED_SECONDS, mark_of
from writ.access.key_text import KeyText, read_key
from writ.access.key_use import USE_INTERVAL, KeyUse
from writ.contract.errors import Refusal
from writ.gateway.call import Actor, Call
from writ.gateway.signature import verify_signature
from writ.store.base import now

MOST_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class _Credential:
    """A key as a request brought it; `remembered` says that it was not looked up for this request."""

    text: KeyText
    found: FoundKey
    until: float
    remembered: bool = False


class KeyCache:
    """Finds keys, and meets `writ.gateway.limits.limiter.Watch`. For many threads.

    Secrets are not kept: what is remembered is found by their SHA-256.
    """

    def __init__(self, seconds: float = REMEMBERED_SECONDS, use: KeyUse | None = None) -> None:
        self._seconds = seconds
        self._use = use or KeyUse()
        self._held: dict[str, _Credential] = {}
        self._lock = threading.Lock()

    def find(self, call: Call, text: str) -> Actor:
        """Who calls with this key, from the call's address. A mistyped key costs no select.

        Raises:
            Refusal: API_KEY_INVALID for a text that is no key of this server; API_KEY_REVOKED,
                API_KEY_EXPIRED and ADDRESS_NOT_ALLOWED only to whoever has the whole key.
        """
        key = read_key(text)
        if key is None:
            raise Refusal(API_KEY_INVALID)
        held = self._held.get(key.sha256)
        if held is None or held.until <= time.monotonic():
            return self._look_up(call, key)
        try:
            held.found.require_good(now(), call.client_address)
        except Refusal:
            # It may have been extended, or allowed from here, since it was read.
            return self._look_up(call, key)
        call.credential = held
        return held.found.actor

    def key_of(self, actor: Actor) -> str:
        """The mark of the caller's organization, for callers with a key."""
        if actor.key_id is None or actor.organization_id is None:
            return ""
        return mark_of(actor.organization_id)

    def seen(self, call: Call, value: bytes | None) -> None:
        """Remember a key whose organization has no mark; look up again what was remembered of one that has.

        Raises:
            Refusal: as `find`, and as `verify_signature` for a key that demands signatures by now.
        """
        credential: _Credential | None = call.credential
        if credential is None:
            return
        if value is None:
            if not credential.remembered:
                self._remember(credential)
        elif credential.remembered:
            self._held.pop(credential.text.sha256, None)
            actor = call.actor = self._look_up(call, credential.text)
            if actor.must_sign and not credential.found.actor.must_sign and "signature" not in call.headers:
                verify_signature(call)

    def _look_up(self, call: Call, key: KeyText) -> Actor:
        # What is read may be old from now on, not from when the answer is there.
        until = time.monotonic() + self._seconds
        found = find_key(call.read, key)
        at = now()
        found.require_good(at, call.client_address)
        if found.last_used_at is None or found.last_used_at <= at - USE_INTERVAL:
            self._use.note(call.services.store, found.id, at)
        call.credential = _Credential(key, found, until)
        return found.actor

    def _remember(self, credential: _Credential) -> None:
        with self._lock:
            while len(self._held) >= MOST_KEYS:
                del self._held[next(iter(self._held))]
            self._held[credential.text.sha256] = replace(credential, remembered=True)
