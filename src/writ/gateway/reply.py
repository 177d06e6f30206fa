"""Answers and refusals as bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from writ_contract.errors import ERRORS

from writ.contract.errors import FieldError, Refusal
from writ.contract.operation import Operation
from writ.gateway.call import Answer

_JSON = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
_JSON_TYPE = (b"content-type", b"application/json")
_SNIFF = (b"x-content-type-options", b"nosniff")
_STORE = (b"cache-control", b"no-store")


@dataclass(slots=True)
class Reply:
    """What goes onto the wire."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    stream: Iterator[bytes] | AsyncIterator[bytes] | None = None
    code: str | None = None
    """The code of a refusal, upper case."""


class WrongAnswer(Exception):
    """A handler's answer is not what the contract says; only found where answers are checked."""


def render(answer: Answer, request_id: str) -> Reply:
    """An answer as bytes."""
    headers = [_SNIFF, _STORE, (b"x-request-id", request_id.encode())]
    if answer.status == 204:
        # RFC 9110, section 8.6: such an answer has no content, and no Content-Length either.
        body = b""
    elif 300 <= answer.status < 400:
        body = b""
        headers.append((b"content-length", b"0"))
    elif answer.stream is None:
        body = orjson.dumps(answer.body, option=_JSON)
        headers.append(_JSON_TYPE)
        headers.append((b"content-length", str(len(body)).encode()))
    else:
        body = b""
        headers.append((b"content-type", answer.media_type.encode()))
    for name, value in answer.headers.items():
        headers.append((name.lower().encode(), value.encode("latin-1")))
    for cookie in answer.cookies:
        headers.append((b"set-cookie", cookie.encode("latin-1")))
    return Reply(answer.status, headers, body, answer.stream)


def render_refusal(refusal: Refusal, request_id: str, lower: bool, oauth: bool = False) -> Reply:
    """A refusal as bytes: the one error shape of every surface (see docs/error-codes.md).

    With `oauth` its member `error` is the word that RFC 6749, section 5.2, has for it.
    """
    spec = refusal.spec
    code = refusal.code.lower() if lower else refusal.code
    details: dict[str, Any] = refusal.details
    body = {
        "code": code,
        "message": refusal.message,
        "request_id": request_id,
        "errors": [_field(error, lower) for error in refusal.errors],
        "error": {"code": code, "message": refusal.message, "details": details, "request_id": request_id},
    }
    if oauth:
        body |= {"error": oauth_error(refusal.code), "error_description": _described(refusal.message)}
    reply = render(Answer(spec.status or 500, body, refusal.headers), request_id)
    reply.code = refusal.code
    return reply


_OF_OAUTH = frozenset(
    (
        "INVALID_REQUEST",
        "INVALID_CLIENT",
        "INVALID_GRANT",
        "INVALID_SCOPE",
        "UNAUTHORIZED_CLIENT",
        "UNSUPPORTED_GRANT_TYPE",
        "UNSUPPORTED_RESPONSE_TYPE",
        "UNSUPPORTED_TOKEN_TYPE",
    )
)
_OTHERS = {401: "access_denied", 403: "access_denied", 500: "server_error"}


def oauth_error(code: str) -> str:
    """The word of RFC 6749 (sections 4.1.2.1 and 5.2) for a code of the catalogue."""
    if code in _OF_OAUTH:
        return code.lower()
    if code in ("RATE_LIMITED", "SERVICE_UNAVAILABLE"):
        return "temporarily_unavailable"
    return _OTHERS.get(ERRORS[code].status or 500, "invalid_request")


def _described(message: str) -> str:
    # The characters that RFC 6749 allows in error_description.
    return "".join(c if " " <= c <= "~" and c not in '"\\' else "'" for c in message)


def render_refusal_of(operation: Operation, refusal: Refusal, request_id: str) -> Reply:
    """A refusal as the clients of the operation read it."""
    return render_refusal(refusal, request_id, operation.errors_lower, operation.errors_oauth)


def _field(error: FieldError, lower: bool) -> dict[str, str]:
    # A field's code is one of the catalogue's, or a keyword of JSON Schema, which has a spelling of its own.
    entry = error.as_json()
    if lower and error.code.isupper():
        entry["code"] = error.code.lower()
    return entry


def check(operation: Operation, reply: Reply, limits: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """Hold an answer and its `limits` headers against the contract: status, media type, headers, schema.

    Raises:
        WrongAnswer: it is not what the contract says.
    """
    answers, status = operation.answers, str(reply.status)
    rule = answers.get(status) or answers.get(f"{status[0]}XX") or answers.get("default")
    if rule is None:
        raise WrongAnswer(f"{operation.id} answers {reply.status}, which the contract does not name")
    names = {name.decode() for name, _ in (*reply.headers, *limits)}
    lacking = [name for name in rule.required_headers if name not in names]
    if lacking:
        raise WrongAnswer(f"{operation.id} {reply.status} lacks the headers {lacking}")
    media = next((v.decode() for n, v in reply.headers if n == b"content-type"), "").partition(";")[0]
    if media not in (rule.schemas or ("",)):
        known = ", ".join(rule.schemas) or "no content"
        raise WrongAnswer(f"{operation.id} {reply.status} is {media or 'empty'}; the contract says {known}")
    validator = rule.schemas.get(media)
    if validator is not None and reply.stream is None:
        value = orjson.loads(reply.body)
        faults = [f"{'/'.join(map(str, e.instance_path))}: {e.message}" for e in validator.iter_errors(value)]
        if faults:
            raise WrongAnswer(f"{operation.id} {reply.status}: {'; '.join(faults[:5])}")
