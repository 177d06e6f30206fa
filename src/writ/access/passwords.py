"""Passwords: argon2id with the parameters that argon2-cffi recommends, and the same work for everybody.

A login with an unknown e-mail verifies the given password against a hash that nothing matches, so that an
answer takes as long as for a known one.
"""

from __future__ import annotations

import secrets
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from writ_contract.errors import RATE_LIMITED

from writ.contract.errors import Refusal

PASSWORD_MAX_CHARACTERS = 1024
"""Longer ones are wrong without being looked at: normalising megabytes is work that anybody could order."""

_HASHES_AT_ONCE = 4
_WAIT_SECONDS = 0.5

_hasher = PasswordHasher()
_slots = threading.BoundedSemaphore(_HASHES_AT_ONCE)


def normalise_email(email: str) -> str:
    """The form in which an e-mail is stored and compared: trimmed, NFKC, lower case."""
    return unicodedata.normalize("NFKC", email).strip().lower()


def hash_password(password: str) -> str:
    """An argon2id hash in PHC form.

    Raises ValueError when the password is empty, longer than PASSWORD_MAX_CHARACTERS, or has control
    characters, which the contract refuses at login.
    """
    if not 0 < len(password) <= PASSWORD_MAX_CHARACTERS:
        raise ValueError(
            f"a password has 1 to {PASSWORD_MAX_CHARACTERS} characters, this one {len(password)}"
        )
    if any(character < " " or character == "\x7f" for character in password):
        raise ValueError("a password has no control characters (a tab or the end of a line, perhaps)")
    return _hasher.hash(_bytes(password))


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether the password belongs to the hash; None (nobody has that e-mail) costs the same and is False.

    Raises Refusal RATE_LIMITED when too many passwords are being verified at this moment: every verification
    holds 64 MiB, and threads that wait for it serve nobody.
    """
    nobodys = _nobodys_hash()
    possible = password_hash is not None and len(password) <= PASSWORD_MAX_CHARACTERS
    with _slot():
        matches = _verify(password_hash or nobodys, password)
    return possible and matches


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than those of today."""
    return _hasher.check_needs_rehash(password_hash)


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, _bytes(password[:PASSWORD_MAX_CHARACTERS]))
    except (VerificationError, InvalidHashError):
        return False


def _bytes(password: str) -> bytes:
    # One character typed on two systems may arrive composed or decomposed (NIST SP 800-63B, 5.1.1.2).
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


@cache
def _nobodys_hash() -> str:
    return _hasher.hash(secrets.token_bytes(32))


@contextmanager
def _slot() -> Iterator[None]:
    if not _slots.acquire(timeout=_WAIT_SECONDS):
        raise Refusal(
            RATE_LIMITED,
            "Too many people are logging in at this moment. Try again in a second.",
            headers={"Retry-After": "1"},
            details={"retry_after_seconds": 1},
        )
    try:
        yield
    finally:
        _slots.release()
