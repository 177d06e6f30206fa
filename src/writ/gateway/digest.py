"""Content-Digest (RFC 9530): is this the body that the sender hashed?"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re

from writ.gateway.call import Spooled

ALGORITHMS = ("sha-256", "sha-512")
"""What is understood; of others in the same field nothing is asked, as the RFC has it."""

# One member of the field's dictionary, whose values are byte sequences (RFC 9651, section 3.3.5).
_MEMBER = re.compile(r"[ \t]*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):[ \t]*")


def has_digest(body: bytes | Spooled, field: str) -> bool:
    """Whether every digest of the field that is understood is the body's, compared in constant time.

    Raises:
        ValueError: the field cannot be read, names an algorithm twice, or none that is understood.
    """
    digests = read_digests(field)
    return all(hmac.compare_digest(digest, _hash(body, name)) for name, digest in digests.items())


def read_digests(field: str) -> dict[str, bytes]:
    """The digests of the field that are understood, by algorithm; at least one.

    Raises:
        ValueError: as `has_digest`.
    """
    digests: dict[str, bytes] = {}
    for part in field.split(","):
        member = _MEMBER.fullmatch(part)
        if member is None or member[1] in digests:
            raise ValueError("it is no list of digests like sha-256=:…:")
        try:
            digests[member[1]] = base64.b64decode(member[2], validate=True)
        except binascii.Error:
            raise ValueError(f"its {member[1]} is not base64") from None
    known = {name: digest for name, digest in digests.items() if name in ALGORITHMS}
    if not known:
        raise ValueError(f"it has none of {', '.join(ALGORITHMS)}")
    return known


def _hash(body: bytes | Spooled, name: str) -> bytes:
    algorithm = name.replace("-", "")
    if isinstance(body, bytes):
        return hashlib.new(algorithm, body).digest()
    if algorithm == "sha256":
        return bytes.fromhex(body.sha256)
    with body.path.open("rb") as handle:
        return hashlib.file_digest(handle, algorithm).digest()
