"""The log as the API shows it: pages by filter, newest first, and single entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Select, bindparam, func, literal_column, select
from writ_contract.errors import AUDIT_ENTRY_NOT_FOUND, ERRORS, FORBIDDEN, UNAUTHORIZED
from writ_contract.operations import OPERATIONS

from writ.contract.errors import Refusal
from writ.gateway.call import Actor
from writ.records.entry import first_id
from writ.records.models import NOBODY, AuditEntry
from writ.records.times import time_in
from writ.store.base import SmallUuid
from writ.store.paging import Order, Page, equals, read_page
from writ.store.prepared import Prepared

HOUSE = UUID(int=1)
"""The organization of those who run this Writ: the one that the migrations make."""

SHOWN = (
    "id",
    "timestamp",
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
    "seal",
)
ALL_IDS = (UUID(int=0), UUID(int=(1 << 128) - 1))
USUAL_STATUS = 200

_ENTRY: Select[*tuple[Any, ...]] = select(*(getattr(AuditEntry, name) for name in SHOWN))
_BETWEEN = _ENTRY.where(
    AuditEntry.id >= bindparam("from_id", type_=SmallUuid()),
    AuditEntry.id < bindparam("to_id", type_=SmallUuid()),
)
# A key or a user is of one organization, so theirs is the index to be used. This asks for the organization in
# a way for which no database has an index.
_OWNED = _BETWEEN.where(
    func.coalesce(AuditEntry.organization_id, AuditEntry.id) == bindparam("organization", type_=SmallUuid())
)
# Written out, because the indexes for it leave this status out.
_UNUSUAL = AuditEntry.status_code != literal_column(str(USUAL_STATUS))
_STATEMENTS = {
    ("all", False): _BETWEEN,
    ("all", True): _BETWEEN.where(_UNUSUAL),
    ("owned", False): _OWNED,
    ("owned", True): _OWNED.where(_UNUSUAL),
}
_ORDERS = {"-id": Order((AuditEntry.id,), True), "id": Order((AuditEntry.id,), False)}
_ONE = Prepared(_ENTRY.where(AuditEntry.id == bindparam("id", type_=SmallUuid())))
_COLUMNS = {
    name: getattr(AuditEntry, name)
    for name in ("api_key_id", "user_id", "operation_id", "endpoint", "method", "status_code", "error_code")
}

_AS_GET = {"HEAD": "GET"}
_OPERATION_AT = {(spec.method, spec.path): spec.operation_id for spec in OPERATIONS.values()}
_ENDPOINTS = frozenset(spec.path for spec in OPERATIONS.values())


def read_log(connection: Connection, actor: Actor | None, query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the log; `query` as the contract's parameters name them.

    Raises:
        Refusal: CURSOR_INVALID; FORBIDDEN for strangers' calls when they are not the actor's to see;
            VALIDATION_ERROR for a time that there is not.
    """
    page = read_entries(connection, actor, query)
    return Page([as_shown(row) for row in page.data], page.limit, page.next_cursor).as_json()


def read_entries(
    connection: Connection, actor: Actor | None, query: Mapping[str, Any], *, newest_first: bool = True
) -> Page:
    """A page of rows as the database has them; `query` may lack anything but `limit`."""
    kind, given, filters = _chosen(actor, query)
    status = filters.get(AuditEntry.status_code)
    statement = _STATEMENTS[kind, status is not None and status != USUAL_STATUS]
    asked = {"limit": query["limit"], "cursor": query.get("cursor"), "sort": "-id" if newest_first else "id"}
    return read_page(connection, statement, _ORDERS, asked, filters, given)


def read_entry(connection: Connection, actor: Actor | None, entry_id: UUID) -> dict[str, Any]:
    """One entry.

    Raises:
        Refusal: AUDIT_ENTRY_NOT_FOUND when there is none, or not for this actor.
    """
    rows = _ONE.dicts(connection, {"id": entry_id})
    organization = rows[0]["organization_id"] if rows else None
    if organization == NOBODY and sees_strangers(actor):
        return as_shown(rows[0])
    if organization != organization_of(actor):
        raise Refusal(AUDIT_ENTRY_NOT_FOUND)
    return as_shown(rows[0])


def as_shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row in the contract's shape."""
    shown = dict(row)
    if row["organization_id"] == NOBODY:
        shown["organization_id"] = None
    shown["request_id"] = request_id_of(row["id"])
    shown["parameters"] = None if row["parameters"] is None else orjson.loads(row["parameters"])
    shown["response_time_ms"] = shown.pop("response_time_us") / 1000
    if row["error_code"] is not None:
        shown["error_code"] = row["error_code"].lower()
    return shown


def request_id_of(entry_id: UUID) -> str:
    """What X-Request-Id said."""
    return f"req_{entry_id.hex}"


def organization_of(actor: Actor | None) -> UUID:
    """The actor's organization. Raises Refusal UNAUTHORIZED when there is none."""
    if actor is None or actor.organization_id is None:
        raise Refusal(UNAUTHORIZED)
    return actor.organization_id


def sees_strangers(actor: Actor | None) -> bool:
    """Whether calls of nobody known are the actor's to see: owners and admins of those who run this Writ."""
    return organization_of(actor) == HOUSE and actor is not None and actor.role in ("owner", "admin")


def bounds(query: Mapping[str, Any]) -> dict[str, UUID]:
    """The ids between which the calls lie that came `from` a time on and before `to`."""
    lowest, highest = ALL_IDS
    since, until = time_in(query, "from"), time_in(query, "to")
    return {
        "from_id": lowest if since is None else first_id(since),
        "to_id": highest if until is None else first_id(until),
    }


def _chosen(actor: Actor | None, query: Mapping[str, Any]) -> tuple[str, dict[str, Any], dict[Any, Any]]:
    """Which rows are asked for, the values of that statement, and what they must have beside."""
    organization = organization_of(actor)
    given: dict[str, Any] = bounds(query)
    filters = equals(query, _COLUMNS)
    _add_status(filters)
    _add_operation(filters)
    if query.get("request_id") is not None:
        filters[AuditEntry.id] = _id_of(query["request_id"])
    if query.get("strangers"):
        if not sees_strangers(actor):
            raise Refusal(
                FORBIDDEN, "Calls of strangers are shown to owners and admins of the first organization."
            )
        filters[AuditEntry.organization_id] = NOBODY
        return "all", given, filters
    if any(column in filters for column in (AuditEntry.api_key_id, AuditEntry.user_id, AuditEntry.id)):
        given["organization"] = organization
        return "owned", given, filters
    filters[AuditEntry.organization_id] = organization
    return "all", given, filters


def _add_status(filters: dict[Any, Any]) -> None:
    # A code has one status, for which there are indexes.
    code = filters.get(AuditEntry.error_code)
    if code is None:
        return
    filters[AuditEntry.error_code] = code = code.upper()
    spec = ERRORS.get(code)
    if spec is None or spec.status is None:
        filters[AuditEntry.id] = NOBODY
    else:
        filters.setdefault(AuditEntry.status_code, spec.status)


def _add_operation(filters: dict[Any, Any]) -> None:
    # A method and a path of the contract are an operation, and for that there are indexes.
    method, endpoint = filters.get(AuditEntry.method), filters.get(AuditEntry.endpoint)
    if method is None or endpoint is None or AuditEntry.operation_id in filters:
        return
    operation = _OPERATION_AT.get((_AS_GET.get(method, method), endpoint))
    if operation is not None:
        filters[AuditEntry.operation_id] = operation
        del filters[AuditEntry.endpoint]
    elif endpoint in _ENDPOINTS:
        filters[AuditEntry.id] = NOBODY


def _id_of(request_id: str) -> UUID:
    try:
        return UUID(hex=request_id.removeprefix("req_"))
    except ValueError:
        return NOBODY
