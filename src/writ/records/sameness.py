"""When two requests are the same: whose they are, what key they have, and what they ask for."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any

from starlette.datastructures import UploadFile

from writ.gateway.call import Actor, Call, Spooled

HEADER = "idempotency-key"
_ESCAPED = re.compile(r"\\(.)")
_PURPOSE = b"idempotency\0"


def owner_of(actor: Actor) -> str:
    """To whom a kept answer belongs: the API key, the application by itself or for its user, or the user.

    A user has their answers in every session, as a new login follows on a lost one.
    """
    if actor.key_id is not None:
        return f"key:{actor.key_id}"
    if actor.kind == "application":
        # Its `id` is that of whoever registered it, for whom it may act as well.
        return f"application:{actor.application_id}"
    if actor.application_id is not None:
        return f"application:{actor.application_id}:{actor.id}"
    return f"user:{actor.id}"


def read_key(text: str) -> str:
    """The key of a header that fits the contract: the content of an RFC 8941 string, or the bare text."""
    if text.startswith('"'):
        return _ESCAPED.sub(r"\1", text[1:-1])
    return text


def hash_of(organization_id: Any, owner: str, key: str) -> str:
    """SHA-256 (hex) of where an answer is kept. Neither organization nor owner has a line break in it."""
    return hashlib.sha256(f"{organization_id}\n{owner}\n{key}".encode()).hexdigest()


def claim_of(key_hash: str) -> int:
    """The number that stands for it among the claims: 62 of its bits."""
    return int(key_hash[:16], 16) >> 2


def fingerprint_of(call: Call, secret: bytes) -> str:
    """HMAC-SHA-256 (hex) over method, path, query, media type and body, as they came.

    Keyed, because a body may hold a password that could be guessed from its plain hash.
    """
    media = call.media.media_type if call.media is not None else ""
    # The representation of a tuple of texts can be read in one way only.
    head = repr((call.method, call.trace.path, call.raw_query, media))
    digest = hmac.new(secret, _PURPOSE + head.encode("ascii", "backslashreplace") + b"\n", hashlib.sha256)
    body = call.raw_body
    if isinstance(body, Spooled):
        digest.update(f"{body.size} {body.sha256}".encode())
    elif isinstance(body, dict):
        # Between the parts of a form stands a boundary, which clients draw anew each time.
        parts = [(name, [_part(value) for value in values]) for name, values in body.items()]
        digest.update(repr(parts).encode("ascii", "backslashreplace"))
    elif body is not None:
        digest.update(body)
    return digest.hexdigest()


def _part(value: Any) -> Any:
    if not isinstance(value, UploadFile):
        return value
    value.file.seek(0)
    found = hashlib.file_digest(value.file, "sha256").hexdigest()  # type: ignore[arg-type]
    value.file.seek(0)
    return (value.filename, value.content_type, found)
