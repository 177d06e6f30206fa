"""The secrets of OAuth as text: 256 random bits each, kept as SHA-256, which for those is as safe as a slow
hash.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

CLIENT_SECRET_PREFIX = "writ_cs_"  # noqa: S105  (what a secret scanner recognises a leaked one by)
REFRESH_TOKEN_PREFIX = "writ_rt_"  # noqa: S105
CODE_PREFIX = "writ_ac_"


def make_secret(prefix: str) -> str:
    """A fresh secret, 43 characters of base64url behind the prefix."""
    return prefix + secrets.token_urlsafe(32)


def hash_secret(text: str) -> str:
    """SHA-256 of the text, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def is_secret(hashed: str | None, text: str) -> bool:
    """Whether the hash is of this text, in constant time; never for None."""
    return hashed is not None and hmac.compare_digest(hashed, hash_secret(text))
