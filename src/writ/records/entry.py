"""A call as one line, and as a row of the log.

The line is made where the call is answered. It is JSON, a list that begins with the number of its form: a
recorder of the next version still reads what servers of this one have left.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson

from writ.contract.operation import Operation
from writ.gateway.call import Call
from writ.gateway.trace import Trace
from writ.records.models import ENDPOINT_CHARACTERS, NOBODY, PATH_CHARACTERS, USER_AGENT_CHARACTERS
from writ.records.redact import Pointers, pointers_of, scrub, shown

FORM = 1
LARGEST_PARAMETERS = 4096

COLUMNS = (
    "id",
    "organization_id",
    "api_key_id",
    "user_id",
    "application_id",
    "actor_kind",
    "operation_id",
    "endpoint",
    "method",
    "path",
    "parameters",
    "status_code",
    "error_code",
    "response_time_us",
    "request_size_bytes",
    "response_size_bytes",
    "ip_address",
    "user_agent",
)
"""What a line holds after its form, in this order; a row has `timestamp` and `seal` beside."""

_IDS = COLUMNS[:5]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CUT = '{"cut":true}'
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


class BadLine(Exception):
    """A line that no server of a known version has written whole."""


def make_line(trace: Trace, status: int, code: str | None, response_bytes: int) -> bytes:
    """The line of a call, with its line feed; at most some 15 KiB, and without secrets."""
    call, operation = trace.call, trace.operation
    actor = None if call is None else call.actor
    if actor is None:
        who: tuple[Any, ...] = (None, None, None, None, None)
    else:
        who = (actor.organization_id, actor.key_id, actor.id, actor.application_id, actor.kind[:20])
    # Whoever calls does so with the same program again and again.
    agent = trace.header("user-agent") if call is None else call.headers.get("user-agent", "")
    path = trace.path
    if call is None or not _only_ids(call):
        path = clean(path, PATH_CHARACTERS)
    return orjson.dumps(
        (
            FORM,
            trace.id,
            *who,
            None if operation is None else operation.id[:100],
            path[:ENDPOINT_CHARACTERS] if operation is None else endpoint_of(operation),
            trace.method if operation is not None else clean(trace.method, 10),
            path,
            None if call is None else _parameters(call),
            status,
            code,
            int(trace.seconds * 1_000_000),
            trace.request_bytes,
            response_bytes,
            trace.address[:45],
            _agent(agent[: 2 * USER_AGENT_CHARACTERS]),
        ),
        option=orjson.OPT_APPEND_NEWLINE,
    )


def read_line(line: bytes) -> dict[str, Any]:
    """The row of a line, but for its seal.

    Raises:
        BadLine: it is not one.
    """
    try:
        form, *values = orjson.loads(line)
        if form != FORM or len(values) != len(COLUMNS):
            raise ValueError(f"form {form!r} with {len(values)} values")
        row: dict[str, Any] = dict(zip(COLUMNS, values, strict=True))
        for name in _IDS:
            if row[name] is not None:
                row[name] = UUID(row[name])
        row["organization_id"] = row["organization_id"] or NOBODY
        row["timestamp"] = time_of(row["id"])
    except (ValueError, TypeError, AttributeError) as error:
        raise BadLine(str(error)) from None
    return row


def canonical(row: Mapping[str, Any]) -> bytes:
    """The bytes of a row that its seal covers: all of it, on every database the same."""
    values = [row[name] for name in COLUMNS]
    return orjson.dumps([row["timestamp"], *values], option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)


def time_of(entry_id: UUID) -> datetime:
    """The time in an id, to the millisecond."""
    return _EPOCH + timedelta(milliseconds=entry_id.int >> 80)


def first_id(moment: datetime) -> UUID:
    """The least id of a moment; an id is of the moment or later exactly when it is not less."""
    # Rounded up: what came in the millisecond before must not be among what came "from" a moment within it.
    milliseconds = -((_EPOCH - moment) // timedelta(milliseconds=1))
    return UUID(int=min(max(milliseconds, 0), (1 << 48) - 1) << 80)


def endpoint_of(operation: Operation) -> str:
    """The operation's path as the contract has it, without the base path."""
    return operation.endpoint.partition(" ")[2][:ENDPOINT_CHARACTERS]


def clean(text: str, length: int) -> str:
    """Printable text without secrets, at most `length` characters; what cannot be printed is replaced."""
    # Scrubbed before it is cut: the beginning of a key would not look like one. And not all of a huge path.
    text = scrub(text[: length * 2])[:length]
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


@lru_cache(maxsize=1024)
def _agent(text: str) -> str:
    return clean(text, USER_AGENT_CHARACTERS) if text else ""


def _only_ids(call: Call) -> bool:
    """Whether all that the path names are ids, which hide nothing: so most calls need no search."""
    if len(call.path) != len(call.raw_path):
        return False
    return all(type(value) is UUID for value in call.path.values())


@lru_cache(maxsize=4096)
def _pointers(operation_id: str, redact: tuple[str, ...]) -> tuple[Pointers, Pointers, Pointers]:
    return pointers_of(redact, "path"), pointers_of(redact, "query"), pointers_of(redact, "body")


def _parameters(call: Call) -> str | None:
    query = call.query
    if query and call.raw_query:
        given = {part.partition(b"=")[0] for part in call.raw_query.split(b"&")}
        # Defaults are not what was sent; nor are the names that the contract does not know, with whatever
        # they carry.
        query = {name: value for name, value in query.items() if name.encode() in given}
    elif query:
        query = {}
    if not query and call.body is None:
        if not call.path:
            return None
        if _only_ids(call):
            return orjson.dumps({"path": call.path}).decode()
    audit: Any = call.operation.raw.get("x-audit") or {}
    of_path, of_query, of_body = _pointers(call.operation.id, tuple(audit.get("redact") or ()))
    found: dict[str, Any] = {}
    if call.path:
        found["path"] = shown(call.path, of_path)
    if query:
        found["query"] = shown(query, of_query)
    if call.body is not None:
        found["body"] = shown(call.body, of_body)
    return _fitting(found)


def _fitting(found: dict[str, Any]) -> str:
    text = _as_text(found)
    if len(text) > LARGEST_PARAMETERS:
        body = found.pop("body", None)
        if isinstance(body, dict):
            found["body"] = dict.fromkeys(list(body)[:20], "…")
        text = _as_text(found)
    return text if len(text) <= LARGEST_PARAMETERS else _CUT


def _as_text(found: Mapping[str, Any]) -> str:
    try:
        return scrub(orjson.dumps(found, default=str, option=_OPTIONS).decode())
    except orjson.JSONEncodeError:
        # Half of a surrogate pair, say. That a call was made is recorded all the same.
        return _CUT
