"""What a key is as text: `writ_live_` or `writ_test_`, the id of its row, its secret, and a checksum.

The id (22 characters) and the secret (43: 256 random bits) are in base62, and so is the CRC32 of all before
it (6 characters). The checksum is no protection; it tells a mistyped key from a good one without a look at
the database, and secret scanners a key from a text that looks like one.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass
from uuid import UUID

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_FORM = re.compile(r"writ_(?:live|test)_([0-9A-Za-z]{22})[0-9A-Za-z]{43}([0-9A-Za-z]{6})")
_CHECKSUM = 6
_HIGHEST_ID = (1 << 128) - 1

PREFIX = "writ_"
"""What tells a key from other credentials."""


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key that is well formed: the id of its row, and its SHA-256 in hexadecimal."""

    id: UUID
    sha256: str


def make_key(key_id: UUID, mode: str) -> str:
    """A new key with a fresh secret. `mode` is live or test."""
    text = visible_prefix(key_id, mode) + random_text()
    return text + _checksum(text)


def random_text() -> str:
    """256 random bits in base62: 43 characters."""
    return _base62(secrets.randbits(256), 43)


def read_key(text: str) -> KeyText | None:
    """What the text says, or None when it is no key or a mistyped one. Nothing is looked up."""
    form = _FORM.fullmatch(text)
    if form is None or _checksum(text[:-_CHECKSUM]) != form[2]:
        return None
    number = 0
    for digit in form[1]:
        number = number * 62 + _VALUES[digit]
    if number > _HIGHEST_ID:
        return None
    return KeyText(UUID(int=number), hash_key(text))


def visible_prefix(key_id: UUID, mode: str) -> str:
    """How the key begins: what of it may be shown, and stands for no secret."""
    return f"{PREFIX}{mode}_{_base62(key_id.int, 22)}"


def hash_key(text: str) -> str:
    """SHA-256 of the key, in hexadecimal: for 256 random bits as safe as a slow hash."""
    return hashlib.sha256(text.encode()).hexdigest()


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), _CHECKSUM)


def _base62(number: int, width: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    return digits.rjust(width, "0")
