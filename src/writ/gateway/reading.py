"""Reading a body: bounded, and to the disk where the contract asks for a binary one."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from io import BytesIO
from typing import Any

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser

from writ.contract.body import MULTIPART
from writ.contract.errors import Refusal
from writ.gateway.call import Call, Spooled
from writ.store.base import new_id

Receive = Callable[[], Awaitable[dict[str, Any]]]
Run = Callable[..., Awaitable[Any]]

FLUSH_BYTES = 1 << 20
SAYS_NOTHING = (b"", b"{}", b"null")
LONGEST_NOTHING = 6
"""How many bytes are read of a body that an operation does not take; a longer one says something."""
_CHARSET = re.compile(r";\s*charset=[^;]*", re.IGNORECASE)


class ClientGone(Exception):
    """The client hung up before its request was complete."""


def read_headers(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers by their lower-case names; one that is given on several lines is one list.

    RFC 9110, section 5.3, and for cookies, which HTTP/2 splits, RFC 9113, section 8.2.3.
    """
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}
    if len(headers) < len(raw):
        for name in headers:
            lines = [value.decode("latin-1") for key, value in raw if key.decode("latin-1") == name]
            headers[name] = ("; " if name == "cookie" else ", ").join(lines)
    return headers


def declared_length(call: Call) -> int | None:
    """The Content-Length, or None when there is none.

    Raises:
        Refusal: MALFORMED_REQUEST when it is no number.
    """
    text = call.headers.get("content-length")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Refusal("MALFORMED_REQUEST", "Content-Length is not a number of bytes.")
    return int(text)


def refuse_length(limit: int, code: str = "PAYLOAD_TOO_LARGE") -> Refusal:
    """The 413, naming the limit; the connection is closed because the rest of the body is not read."""
    return Refusal(
        code,
        f"The body is larger than {limit} bytes.",
        details={"limit_bytes": limit},
        headers={"Connection": "close"},
    )


async def brings_body(call: Call, receive: Receive) -> bool:
    """Whether the request has a body that says something, without reading more than its beginning.

    Many clients send `{}` with every POST; that says nothing, and is no reason to refuse them.
    """
    if not declared_length(call) and "transfer-encoding" not in call.headers:
        return False
    try:
        body = await read_bounded(call, receive, LONGEST_NOTHING)
    except Refusal:
        return True
    return b"".join(body.split()) not in SAYS_NOTHING


async def read_bounded(call: Call, receive: Receive, limit: int) -> bytes:
    """The whole body.

    Raises:
        Refusal: PAYLOAD_TOO_LARGE as soon as the limit is passed, before the rest is read.
        ClientGone: the client hung up.
    """
    length = declared_length(call)
    if length is not None and length > limit:
        raise refuse_length(limit)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        parts, size = [body], len(body)
        while message.get("more_body"):
            if size > limit:
                raise refuse_length(limit)
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part = message.get("body", b"")
            parts.append(part)
            size += len(part)
        body = b"".join(parts)
    if len(body) > limit:
        raise refuse_length(limit)
    return body


async def read_multipart(call: Call, raw: bytes) -> dict[str, list[Any]]:
    """The fields of a multipart/form-data body: texts, and files as `starlette.datastructures.UploadFile`.

    Raises:
        Refusal: MALFORMED_REQUEST when the body does not follow RFC 7578.
    """

    async def stream() -> Any:
        yield raw

    # The parser falls back to Latin-1 for bytes that are not UTF-8. It is told Latin-1, which loses nothing,
    # and the texts are decoded here.
    content_type = _CHARSET.sub("", call.headers["content-type"]) + "; charset=latin-1"
    parser = MultiPartParser(Headers({"content-type": content_type}), stream(), max_files=100)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError):
        raise Refusal(
            "MALFORMED_REQUEST", "The body is not multipart/form-data with the boundary of its header."
        ) from None
    fields: dict[str, list[Any]] = {}
    try:
        for name, value in form.multi_items():
            if isinstance(value, str):
                fields.setdefault(_as_utf8(name), []).append(_as_utf8(value))
            else:
                value.filename = _as_utf8(value.filename or "")
                fields.setdefault(_as_utf8(name), []).append(value)
    except UnicodeDecodeError:
        await form.close()
        raise Refusal("MALFORMED_REQUEST", "A field of the form is not UTF-8.") from None
    return fields


def _as_utf8(text: str) -> str:
    return text.encode("latin-1").decode()


def is_multipart(call: Call) -> bool:
    """Whether the chosen media type is multipart/form-data."""
    return call.media is not None and call.media.media_type == MULTIPART


async def spool(call: Call, media_type: str, receive: Receive, run: Run) -> Spooled:
    """Stream the body to the file store's `spool`, hashing on the way; nothing is left of a refused one.

    Raises:
        Refusal: FILE_TOO_LARGE as soon as the limit is passed; SERVICE_UNAVAILABLE when the disk is full.
        ClientGone: the client hung up.
    """
    limit = call.services.settings.upload_max_bytes
    length = declared_length(call)
    if length is not None and length > limit:
        raise refuse_length(limit, "FILE_TOO_LARGE")
    path = call.services.files.path("spool", new_id())
    digest, size, pending = hashlib.sha256(), 0, BytesIO()
    handle = await run(path.open, "wb")
    try:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part = message.get("body", b"")
            more = message.get("more_body", False)
            size += len(part)
            if size > limit:
                raise refuse_length(limit, "FILE_TOO_LARGE")
            pending.write(part)
            if pending.tell() >= FLUSH_BYTES or not more:
                await run(_write, handle, digest, pending.getvalue())
                pending = BytesIO()
        await run(_finish, handle)
    except OSError as error:
        await run(path.unlink, True)
        raise Refusal("SERVICE_UNAVAILABLE", "The upload cannot be stored: the disk is full.") from error
    except BaseException:
        await run(path.unlink, True)
        raise
    finally:
        # On a full disk closing fails as the writing before it did.
        with suppress(OSError):
            handle.close()
    return Spooled(path, size, digest.hexdigest(), media_type)


def _write(handle: Any, digest: Any, data: bytes) -> None:
    handle.write(data)
    digest.update(data)


def _finish(handle: Any) -> None:
    handle.flush()
    os.fsync(handle.fileno())
