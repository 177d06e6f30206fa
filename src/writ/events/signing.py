"""How deliveries are signed, so that every receiver of the field can tell that they are ours.

Two forms travel together. Standard Webhooks signs `id.timestamp.body` under what follows `whsec_`, decoded;
`webhook-signature` is a list, so that two secrets may be good at once. The older form is `sha256=` and the
hexadecimal HMAC of the raw body under the secret's text as it is written, prefix and all. It is of one
secret, so during a rotation the other one has a header of its own. See docs/webhooks.md.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets

PREFIX = "whsec_"
_KEY_BYTES = 32


def make_secret() -> str:
    """A new secret: `whsec_` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def decoded_key(secret: str) -> bytes | None:
    """What a Standard Webhooks library takes for the key, or None when the secret is not written its way."""
    if not secret.startswith(PREFIX):
        return None
    try:
        return base64.b64decode(secret[len(PREFIX) :], validate=True) or None
    except (binascii.Error, ValueError):
        return None


class Signer:
    """Signs for one subscription, under its secret and, during a rotation, the one before."""

    __slots__ = ("_keys", "_texts")

    def __init__(self, secret: str, previous: str | None = None) -> None:
        self._texts = [secret.encode()] + ([previous.encode()] if previous is not None else [])
        self._keys: list[bytes] = []
        for text in (secret, previous):
            if text is not None:
                key = decoded_key(text)
                # A receiver that does not decode the secret is right too, if it uses all of it.
                self._keys += [text.encode()] if key is None else [key, text.encode()]

    def headers(self, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """The headers that vouch for `body`. `timestamp` is the attempt's, in seconds since 1970."""
        signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
        tokens = [
            "v1," + binascii.b2a_base64(hmac.digest(key, signed, "sha256"), newline=False).decode()
            for key in self._keys
        ]
        whole = "sha256=" + hmac.digest(self._texts[0], body, "sha256").hex()
        named = {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(tokens),
            "X-WedSync-Signature": whole,
            "X-Webhook-Signature": whole,
            "X-WedSync-Timestamp": str(timestamp),
        }
        if len(self._texts) > 1:
            before = "sha256=" + hmac.digest(self._texts[1], body, "sha256").hex()
            named["X-WedSync-Signature-Previous"] = named["X-Webhook-Signature-Previous"] = before
        return named
