"""A signer of requests (RFC 9421, RFC 9530) that shares no code with what verifies them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from typing import Any


def content_digest(body: bytes, algorithm: str = "sha-256") -> str:
    digest = hashlib.new(algorithm.replace("-", ""), body).digest()
    return f"{algorithm}=:{base64.b64encode(digest).decode()}:"


def sign(
    method: str,
    url: str,
    key_id: str,
    api_key: str,
    api_secret: str,
    body: bytes = b"",
    *,
    headers: dict[str, str] | None = None,
    covered: dict[str, str] | None = None,
    label: str = "sig1",
    **parameters: Any,
) -> dict[str, str]:
    """The headers of a signed request. `parameters` replace those of the signature; None leaves one out.

    `headers` are put in beside, with lower-case names, and signed; `covered` replaces all that is signed.
    """
    sent = {"x-api-key": api_key, **(headers or {})}
    if body and "content-digest" not in sent:
        sent["content-digest"] = content_digest(body)
    values = {"@method": method, "@target-uri": url, **sent} if covered is None else covered
    given = {
        "created": int(time.time()),
        "keyid": key_id,
        "alg": "hmac-sha256",
        "nonce": secrets.token_urlsafe(16),
        **parameters,
    }
    tail = "".join(
        f";{name}={value}" if isinstance(value, int) else f';{name}="{value}"'
        for name, value in given.items()
        if value is not None
    )
    components = " ".join(f'"{name}"' for name in values)
    lines = [f'"{name}": {value}' for name, value in values.items()]
    base = "\n".join([*lines, f'"@signature-params": ({components}){tail}'])
    mac = hmac.digest(api_secret.encode(), base.encode("latin-1"), "sha256")
    sent["signature-input"] = f"{label}=({components}){tail}"
    sent["signature"] = f"{label}=:{base64.b64encode(mac).decode()}:"
    return sent
