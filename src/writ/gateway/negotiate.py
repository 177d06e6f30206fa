"""Media types: what the client accepts, and what it sends."""

from __future__ import annotations

from writ.contract.errors import Refusal
from writ.gateway.call import Call


def negotiate(call: Call) -> None:
    """Refuse a request whose Accept excludes every answer, or whose body is of a type that is not taken.

    Raises:
        Refusal: NOT_ACCEPTABLE or UNSUPPORTED_FORMAT, naming what there is; MALFORMED_REQUEST for a body
            where none is taken.
    """
    accept = call.headers.get("accept")
    produces = call.operation.produces
    if accept and produces and not any(_accepts(accept, media) for media in produces):
        raise Refusal("NOT_ACCEPTABLE", f"This answers {', '.join(sorted(produces))}; accept that or */*.")
    body = call.operation.body
    if body is None:
        if call.has_body:
            raise Refusal("MALFORMED_REQUEST", "This operation takes no body; send none, or {}.")
    elif call.has_body:
        if call.headers.get("content-encoding", "identity").lower() != "identity":
            raise Refusal(
                "UNSUPPORTED_FORMAT", "A body with a Content-Encoding is not taken; send it uncompressed."
            )
        call.media = body.choose(call.headers.get("content-type"))


def _accepts(accept: str, media: str) -> bool:
    # RFC 9110, section 12.5.1: the most specific range decides; q=0 excludes.
    if accept == "*/*" or accept == media:
        return True
    kind = media.partition("/")[0] + "/*"
    best, accepted = -1, False
    for part in accept.split(","):
        name, _, parameters = part.partition(";")
        name = name.strip().lower()
        rank = 2 if name == media else 1 if name == kind else 0 if name == "*/*" else -1
        if rank > best:
            best, accepted = rank, not _is_zero(parameters)
    return accepted


def _is_zero(parameters: str) -> bool:
    for part in parameters.split(";"):
        key, _, value = part.partition("=")
        if key.strip().lower() == "q":
            return value.strip().rstrip("0") in ("0.", "", "0")
    return False
