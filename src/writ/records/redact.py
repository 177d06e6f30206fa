"""What of a call's parameters may be kept: what the contract names, without secrets, and not too much of it.

Three rules, each of which would do for most: fields that the operation's `x-audit` names; fields whose name
speaks of a secret; and texts that look like one, wherever they stand. What did not pass validation is
not kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from writ.gateway.call import Spooled

HIDDEN = "***"
LONGEST_TEXT, MOST_ITEMS, MOST_NODES, DEEPEST = 500, 50, 300, 8

Pointers = frozenset[tuple[str, ...]]
NO_POINTERS: Pointers = frozenset()

_NAME = re.compile(
    r"passw|passphrase|secret|token|authori[sz]|cookie|credential|signature|private"
    r"|api[_-]?key(?!_?(?:id|name|type|prefix))|(?:^|[_-])(?:key|otp|pin)$"
)
_SECRET = re.compile(
    # Keys, session and other tokens of Writ, and of many others who put a word before them.
    r"(?:writ_[a-z]{1,12}|whsec|(?<![0-9A-Za-z])(?:ws|[sprk]k_(?:live|test)|gh[pousr]|glpat))[_-]"
    r"[0-9A-Za-z+/=_-]{12,}"
    # JSON Web Tokens (RFC 7519).
    r"|eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]*\.?[0-9A-Za-z_-]*"
    # What a header would hold.
    r"|(?i:\b(?:bearer|basic)[ +])[0-9A-Za-z+/=._~-]{6,}"
    # The user part of a URL.
    r"|(?<=://)[^\s/@\"\\]+(?=@)"
)


def scrub(text: str) -> str:
    """The text without what looks like a secret. JSON text stays JSON."""
    return _SECRET.sub(HIDDEN, text)


@lru_cache(maxsize=4096)
def names_secret(name: str) -> bool:
    """Whether a field of this name is taken for a secret."""
    return _NAME.search(name.lower()) is not None


def pointers_of(redact: Iterable[str], place: str) -> Pointers:
    """What of an operation's `x-audit.redact` is about `place` (body, query, path), as paths below it."""
    prefix = f"/{place}"
    return frozenset(
        tuple(
            part.replace("~1", "/").replace("~0", "~") for part in entry[len(prefix) + 1 :].split("/") if part
        )
        for entry in redact
        if entry == prefix or entry.startswith(prefix + "/")
    )


def shown(value: Any, pointers: Pointers = NO_POINTERS) -> Any:
    """The value as it may be kept: JSON values, long ones cut, files as their size and SHA-256."""
    return _Showing().show(value, pointers, DEEPEST)


class _Showing:
    """Counts what it has shown, so that a large body costs no more than a small one."""

    def __init__(self) -> None:
        self._left = MOST_NODES

    def show(self, value: Any, pointers: Pointers, depth: int) -> Any:
        if () in pointers:
            return HIDDEN
        self._left -= 1
        if isinstance(value, str):
            return value if len(value) <= LONGEST_TEXT else value[:LONGEST_TEXT] + "…"
        if value is None or isinstance(value, bool | int | float | UUID | datetime):
            return value
        if depth == 0 or self._left <= 0:
            return "…"
        if isinstance(value, dict):
            return self._fields(value, pointers, depth)
        if isinstance(value, list | tuple):
            below = _below(pointers, "*")
            return [self.show(item, below, depth - 1) for item in value[:MOST_ITEMS] if self._left > 0]
        return _file(value)

    def _fields(self, value: dict[Any, Any], pointers: Pointers, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, item in list(value.items())[:MOST_ITEMS]:
            if self._left <= 0:
                break
            name = str(key)
            if item is not None and not isinstance(item, bool) and names_secret(name):
                found[name[:100]] = HIDDEN
            else:
                found[name[:100]] = self.show(
                    item, _below(pointers, name) if pointers else pointers, depth - 1
                )
        return found


def _below(pointers: Pointers, name: str) -> Pointers:
    # An item of a list is named by its number, or by "*" for all of them.
    return frozenset(
        p[1:] for p in pointers if p and (p[0] in (name, "*") or (name == "*" and p[0].isdigit()))
    )


def _file(value: Any) -> Any:
    if isinstance(value, Spooled):
        return {"size": value.size, "sha256": value.sha256, "media_type": value.media_type[:100]}
    if isinstance(value, bytes):
        return {"size": len(value), "sha256": hashlib.sha256(value).hexdigest()}
    return {"size": getattr(value, "size", None)}
