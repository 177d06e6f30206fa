"""The round trip: a thread's own connection, a packed command, and a breaker for when Redis is gone.

redis-py makes the connection, with all that a URL can say (TLS, passwords, sockets), and tells errors apart.
Left out is what it does around each command, a pool and a packing, which takes longer than Redis needs to
answer.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import structlog
from redis import ConnectionError as GoneError
from redis import Redis, RedisError
from redis import TimeoutError as SilentError
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError
from redis.retry import Retry

from writ.gateway.limits.rules import Counted

log = structlog.get_logger(__name__)

REVISION = "writ:limits:revision"
"""The name of the policies' revision; whoever changes policies writes a new one."""

HOURS = "writ:limits:hour:"
"""How the hashes begin that count the requests of each key; the start of the hour follows, in seconds."""

_SCRIPT = Path(__file__).with_name("script.lua").read_bytes()
_SHA = hashlib.sha1(_SCRIPT, usedforsecurity=False).hexdigest().encode()
_ANSWER_SECONDS = 0.2
_AWAY_SECONDS = 1.0

STALE, ADMITTED, REFUSED = 2, 1, 0


def announce(redis: Redis) -> None:
    """Tell every process that the policies are others now; call it once the change is committed.

    Raises:
        RedisError: Redis is gone. Processes read the policies again within a minute all the same.
    """
    # A name, not a number: a Redis that lost its data must not come to the same number again.
    redis.set(REVISION, f"c{uuid4().hex}")


class RedisGone(Exception):
    """Redis does not answer, or did not a moment ago."""


class Count(NamedTuple):
    """What was found for one rule: its amount now, what remains, when it is reset (milliseconds since 1970),
    and for how many milliseconds it refuses.
    """

    amount: int
    remaining: int
    reset: int
    wait: int


class Decision(NamedTuple):
    """What Redis said: `now` in milliseconds since 1970, one count a rule, and the value that was read."""

    status: int
    now: int
    revision: str
    counts: tuple[Count, ...]
    value: bytes | None = None


class Counter:
    """Asks Redis. For many threads; each has a connection of its own."""

    def __init__(self, url: str) -> None:
        client = Redis.from_url(
            url,
            protocol=2,
            socket_connect_timeout=_ANSWER_SECONDS,
            socket_timeout=_ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._pool = client.connection_pool
        self._held = threading.local()
        self._lock = threading.Lock()
        self._away_until = 0.0

    def ask(self, packed: bytes) -> Decision:
        """Send a packed command of `pack`.

        Raises:
            RedisGone: there is no answer. After the first time one request a second tries; no other waits.
        """
        if self._away_until:
            self._wait_turn()
        try:
            decision = _read(self._exchange(packed))
        except RedisError as error:
            self._close()
            if not self._away_until:
                log.warning("limits_without_redis", reason=str(error))
            self._away_until = time.monotonic() + _AWAY_SECONDS
            raise RedisGone(str(error)) from error
        if self._away_until:
            self._away_until = 0.0
            log.info("limits_with_redis_again")
        return decision

    def _wait_turn(self) -> None:
        with self._lock:
            now = time.monotonic()
            if now < self._away_until:
                raise RedisGone("it did not answer a moment ago")
            self._away_until = now + _AWAY_SECONDS

    def _exchange(self, packed: bytes) -> Any:
        held = getattr(self._held, "connection", None)
        if held is not None:
            try:
                return self._send(held, packed)
            except SilentError:
                raise
            except GoneError:
                # Redis was restarted, or closed what was idle: that is known only when it is used.
                self._close()
        self._held.connection = self._pool.make_connection()
        return self._send(self._held.connection, packed)

    def _send(self, connection: Any, packed: bytes) -> Any:
        connection.send_packed_command([packed], check_health=False)
        try:
            return connection.read_response(disable_decoding=True)
        except NoScriptError:
            # A Redis that was restarted has forgotten the script; with the script itself it learns it again.
            whole = packed.replace(_COMMAND, _WHOLE, 1)
            connection.send_packed_command([whole], check_health=False)
            return connection.read_response(disable_decoding=True)

    def _close(self) -> None:
        held, self._held.connection = getattr(self._held, "connection", None), None
        if held is not None:
            # An answer that comes late must not be taken for the next one's.
            held.disconnect()


def _bulk(*words: bytes) -> bytes:
    return b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


_COMMAND = _bulk(b"EVALSHA", _SHA)
_WHOLE = _bulk(b"EVAL", _SCRIPT)


def pack(
    revision: str,
    counted: Sequence[Counted],
    *,
    watched: str = "",
    hour_of: str = "",
    look: bool = False,
    now: int | None = None,
) -> bytes:
    """The command that counts a request against rules that come from this revision of the policies.

    `watched` is a key whose value is wanted too, `hour_of` the field under which the request is counted in
    its hour. With `look` nothing is counted. `now` is the time in milliseconds since 1970 where it is not
    Redis's own.
    """
    keys = [REVISION, HOURS, watched, *(each.key for each in counted)]
    arguments = [revision, "look" if look else "take", "" if now is None else str(now), hour_of]
    for each in counted:
        rule = each.rule
        kind = "burst" if rule.is_burst else "steady"
        arguments += [kind, str(rule.amount), str(rule.seconds * 1000), str(rule.ceiling)]
    words = [str(len(keys)), *keys, *arguments]
    return b"*%d\r\n" % (len(words) + 2) + _COMMAND + _bulk(*(word.encode() for word in words))


def _read(answer: Any) -> Decision:
    text, value = answer if isinstance(answer, list) else (answer, None)
    status, now, revision, *numbers = text.split()
    found = map(int, numbers)
    counts = tuple(map(Count, found, found, found, found))
    return Decision(int(status), int(now), revision.decode(), counts, value)
