"""Secrets at rest: what must be read again is sealed, so that a copy of the database gives nothing away."""

from __future__ import annotations

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE = 12
_PURPOSE = b"writ secrets at rest"


class SealBroken(Exception):
    """What was sealed cannot be opened: it was changed, is of another place, or the key is another."""


class Sealer:
    """Seals with AES-256-GCM (NIST SP 800-38D) under a key that HKDF (RFC 5869) makes of WRIT_SECRET_KEY."""

    def __init__(self, secret: bytes) -> None:
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret)
        self._cipher = AESGCM(key)

    def seal(self, value: bytes, place: str) -> bytes:
        """The sealed value, 28 bytes longer. `place` says where it belongs, such as `webhook_secret:<id>`: it
        opens only there, so that nobody can exchange two rows.
        """
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, value, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """The value again.

        Raises:
            SealBroken: it cannot be opened, or was sealed for another place.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode())
        except (InvalidTag, ValueError):
            raise SealBroken(f"the sealed value of {place} cannot be opened") from None

    def seal_text(self, value: str, place: str) -> str:
        """As `seal`, for a column of text: base64url without padding, 4/3 of the bytes."""
        return base64.urlsafe_b64encode(self.seal(value.encode(), place)).decode().rstrip("=")

    def open_text(self, sealed: str, place: str) -> str:
        """As `open`, for what `seal_text` gave."""
        try:
            raw = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
        except ValueError:
            raise SealBroken(f"the sealed value of {place} cannot be opened") from None
        return self.open(raw, place).decode()
