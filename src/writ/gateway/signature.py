"""Is the request what its sender signed? HTTP Message Signatures (RFC 9421) with HMAC-SHA256.

A signature that is there is verified, whether or not the key demands one. It vouches for the method, the
address with its query, the credential, and the body by its Content-Digest; its nonce is good once.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import structlog
from cryptography.exceptions import InvalidSignature as WrongMac
from http_message_signatures import (
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
    VerifyResult,
)
from http_message_signatures.algorithms import HMAC_SHA256
from redis.exceptions import RedisError

from writ.contract.errors import Refusal
from writ.gateway.call import Call, Spooled
from writ.gateway.digest import has_digest
from writ.gateway.services import Signing

log = structlog.get_logger(__name__)

NONCE_MAX_CHARACTERS = 256
_DIGEST = '"content-digest"'
_TARGETS = (('"@target-uri"',), ('"@path"', '"@query"'))


def verify_signature(call: Call) -> None:
    """Verify the request's signature, its body too unless that is still to be streamed.

    Raises:
        Refusal: SIGNATURE_REQUIRED when the key demands one and there is none; SIGNATURE_INVALID, with
            details.reason; SIGNATURE_REPLAYED; SERVICE_UNAVAILABLE when the key demands one and whether it
            came before cannot be asked.
    """
    actor = call.actor
    if actor is None:
        return
    if "signature" not in call.headers and "signature-input" not in call.headers:
        if actor.must_sign:
            raise Refusal("SIGNATURE_REQUIRED")
        return
    signing = call.services.authenticator.signing(call, actor)
    if signing is None:
        raise _refuse("no_key", "Only a request with an API key can be signed.")
    if not signing.secrets:
        raise _refuse(
            "no_secret", "The key has no secret that it could be compared with; regenerate the key."
        )
    found = _verify(call, signing)
    _require_components(call, found)
    call.signed_digest = found.covered_components.get(_DIGEST)
    if call.operation.body is not None and not call.operation.body.streamed:
        _compare_body(call)
    _use_nonce(call, signing.key, found.nonce or "")


def verify_streamed_body(call: Call) -> None:
    """Compare a body that was streamed with the digest that the signature vouches for.

    Raises:
        Refusal: SIGNATURE_INVALID.
    """
    if call.signed_digest is not None and call.operation.body is not None and call.operation.body.streamed:
        _compare_body(call)


class _Fault(InvalidSignature):
    """A fault with a name, for details.reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class _Lines:
    """The headers as the library reads them: every line, in order."""

    def __init__(self, call: Call) -> None:
        self._lines = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in call.scope["headers"]]

    def items(self) -> list[tuple[str, str]]:
        return self._lines


class _Request:
    """The request as the library reads it."""

    def __init__(self, method: str, url: str, headers: _Lines) -> None:
        self.method, self.url, self.headers = method, url, headers


class _Key(HTTPSignatureKeyResolver):  # type: ignore[misc, unused-ignore]
    def __init__(self, names: frozenset[str], secret: bytes) -> None:
        self._names, self._secret = names, secret

    def resolve_public_key(self, key_id: str) -> bytes:
        if key_id not in self._names:
            raise _Fault("other_key", "keyid is not the id of the key that the request is sent with")
        return self._secret


class _Verifier(HTTPMessageVerifier):  # type: ignore[misc, unused-ignore]
    """The library's, with times that are exact: its tolerance would hold for `expires` as well."""

    def __init__(self, key: _Key, window: int) -> None:
        super().__init__(signature_algorithm=HMAC_SHA256, key_resolver=key)
        self._window = window

    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        """Compare its times (seconds since 1970) with the clock. Raises _Fault."""
        moment, parameters = int(time.time()), sig_input.params
        created, expires, nonce = (parameters.get(name) for name in ("created", "expires", "nonce"))
        if created is None:
            raise _Fault("created_missing", "created is missing")
        if abs(created - moment) > self._window:
            reason, word = ("too_old", "old") if created < moment else ("too_new", "far ahead")
            raise _Fault(
                reason, f"created is too {word}: it may be {self._window} seconds from the server's {moment}"
            )
        if expires is not None and expires < moment:
            raise _Fault("expired", f"expires is over: the server's time is {moment}")
        if not nonce or len(nonce) > NONCE_MAX_CHARACTERS:
            raise _Fault(
                "nonce_missing", f"nonce is missing, or not of 1 to {NONCE_MAX_CHARACTERS} characters"
            )


def _verify(call: Call, signing: Signing) -> VerifyResult:
    """The signature that is there. Raises Refusal SIGNATURE_INVALID."""
    fault: InvalidSignature | None = None
    lines, window = _Lines(call), call.services.settings.signature_window_seconds
    for secret in signing.secrets:
        verifier = _Verifier(_Key(signing.names, secret), window)
        for url in _urls(call):
            try:
                (found,) = verifier.verify(_Request(call.method, url, lines), max_age=None)
                return found
            except _Fault as error:
                raise _refuse(error.reason, f"{error}.") from None
            except InvalidSignature as error:
                fault = error
            except Exception as error:
                # The library reads what strangers wrote: whatever it stumbles over is no signature.
                log.info("signature_not_read", request_id=call.request_id, exc_info=error)
                fault = InvalidSignature("it cannot be read")
    if fault is None or isinstance(fault.__cause__, WrongMac):
        raise _refuse(
            "mismatch",
            "The request is not what was signed, or was signed with another secret. Compare method, address, "
            "headers and Content-Digest with what was sent; behind a proxy, WRIT_PUBLIC_URL has to be set.",
        )
    raise _refuse("malformed", f"The signature cannot be verified: {str(fault)[:300]}.")


def _urls(call: Call) -> Iterator[str]:
    """What the client may have called the target: as it reached us, and as people reach the server."""
    scope = call.scope
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    query: bytes = scope.get("query_string", b"")
    target = raw.partition(b"?")[0].decode("latin-1") + ("?" + query.decode("latin-1") if query else "")
    host, public = call.headers.get("host", ""), call.services.settings.public_url
    bases = [f"{scope.get('scheme', 'http')}://{host}", f"{call.scheme}://{host}"]
    if public is not None:
        bases.append(public.rstrip("/"))
    for base in dict.fromkeys(bases):
        yield base + target


def _require_components(call: Call, found: VerifyResult) -> None:
    covered, missing = found.covered_components, []
    if '"@method"' not in covered:
        missing.append("@method")
    if not any(all(name in covered for name in names) for names in _TARGETS):
        missing.append("@target-uri")
    carriers = ["x-api-key"] if "x-api-key" in call.headers else []
    if call.headers.get("authorization", "")[:7].lower() == "bearer ":
        carriers.append("authorization")
    if not any(f'"{name}"' in covered for name in carriers):
        missing.append(carriers[0] if carriers else "authorization")
    if call.has_body and call.operation.body is not None and _DIGEST not in covered:
        missing.append("content-digest")
    if missing:
        message = f"The signature does not cover {', '.join(missing)}; cover that as well."
        raise _refuse("component_missing", message, missing=missing)


def _compare_body(call: Call) -> None:
    if call.signed_digest is None:
        return
    body = call.raw_body if isinstance(call.raw_body, bytes | Spooled) else b""
    try:
        good = has_digest(body, call.signed_digest)
    except ValueError as error:
        raise _refuse("digest_malformed", f"Content-Digest cannot be compared: {error}.") from None
    if not good:
        raise _refuse("digest_mismatch", "The body is not the one whose Content-Digest was signed.")


def _use_nonce(call: Call, key: str, nonce: str) -> None:
    # `created` may be a window ahead and is good for another one; a minute more for clocks that differ.
    seconds = 2 * call.services.settings.signature_window_seconds + 60
    name = f"writ:nonce:{key}:{hashlib.sha256(nonce.encode()).hexdigest()}"
    redis, mine = call.services.redis, call.request_id.encode()
    try:
        # Whoever kept it may be this request, when the answer of Redis was lost and its client asked again.
        fresh = redis.set(name, mine, nx=True, ex=seconds) or redis.get(name) == mine
    except RedisError as error:
        log.warning("nonce_not_kept", request_id=call.request_id, exc_info=error)
        if call.actor is None or not call.actor.must_sign:
            # The same request without its signature would be carried out too.
            return
        raise Refusal(
            "SERVICE_UNAVAILABLE",
            "Whether this signature came before cannot be asked now; sign and send the request again later.",
            headers={"Retry-After": "2"},
        ) from None
    if not fresh:
        raise Refusal("SIGNATURE_REPLAYED")


def _refuse(reason: str, message: str, **details: Any) -> Refusal:
    return Refusal(
        "SIGNATURE_INVALID", message[:1].upper() + message[1:], details={"reason": reason, **details}
    )
