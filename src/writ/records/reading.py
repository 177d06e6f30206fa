"""The log as the API shows it: pages by filter, newest first, and single entries."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, Connection, Integer, Select, Table, bindparam, literal_column, select
from sqlalchemy.ext.compiler import compiles
from writ_contract.errors import AUDIT_ENTRY_NOT_FOUND, CURSOR_INVALID, ERRORS, FORBIDDEN
from writ_contract.operations import OPERATIONS

from writ.contract.errors import Refusal
from writ.gateway.call import Actor
from writ.gateway.callers import organization_of
from writ.records.entry import COLUMNS, first_id
from writ.records.models import NOBODY, AuditEntry
from writ.records.times import time_in
from writ.store.base import DEFAULT_ORGANIZATION_ID, SmallUuid
from writ.store.paging import Page, equals
from writ.store.prepared import Prepared

SHOWN = ("id", "timestamp", *COLUMNS[1:], "seal")
ALL_IDS = (UUID(int=0), UUID(int=(1 << 128) - 1))
USUAL_STATUS = 200

_ENTRY: Select[*tuple[Any, ...]] = select(*(getattr(AuditEntry, name) for name in SHOWN))
_SHOWN = cast(Table, AuditEntry.__table__).alias("shown")
_ONE = Prepared(_ENTRY.where(AuditEntry.id == bindparam("id", type_=SmallUuid())))
_ORGANIZATION, _KEY, _USER = AuditEntry.organization_id, AuditEntry.api_key_id, AuditEntry.user_id
_OPERATION, _ENDPOINT, _STATUS = AuditEntry.operation_id, AuditEntry.endpoint, AuditEntry.status_code
_COLUMNS = {
    name: getattr(AuditEntry, name)
    for name in ("api_key_id", "user_id", "operation_id", "endpoint", "method", "status_code", "error_code")
}
# What the indexes begin with, the narrowest first; the last of each is the id.
_PREFIXES: tuple[tuple[Any, ...], ...] = (
    (_KEY, _STATUS),
    (_KEY, _OPERATION),
    (_KEY, _ENDPOINT),
    (_KEY,),
    (_USER,),
    (_ORGANIZATION, _OPERATION, _STATUS),
    (_ORGANIZATION, _ENDPOINT, _STATUS),
    (_ORGANIZATION, _OPERATION),
    (_ORGANIZATION, _ENDPOINT),
    (_ORGANIZATION, _STATUS),
    (_ORGANIZATION, AuditEntry.method),
    (_ORGANIZATION,),
)
_WITHOUT_USUAL = frozenset(
    ((_KEY, _STATUS), (_ORGANIZATION, _OPERATION, _STATUS), (_ORGANIZATION, _ENDPOINT, _STATUS))
)
"""Those whose index leaves out the usual status."""
_AS_GET = {"HEAD": "GET"}
_OPERATION_AT = {(spec.method, spec.path): spec.operation_id for spec in OPERATIONS.values()}
_ENDPOINTS = frozenset(spec.path for spec in OPERATIONS.values())


def read_log(connection: Connection, actor: Actor, query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the log, newest first; `query` as the contract's parameters name them.

    Raises:
        Refusal: CURSOR_INVALID; FORBIDDEN for strangers' calls when they are not the actor's to see;
            VALIDATION_ERROR for a time that there is not.
    """
    page = read_entries(connection, actor, query)
    return Page([as_shown(row) for row in page.data], page.limit, page.next_cursor).as_json()


def read_entries(
    connection: Connection, actor: Actor, query: Mapping[str, Any], *, newest_first: bool = True
) -> Page:
    """A page of rows as the database has them; raises as `read_log`. `query` may lack all but `limit`."""
    organization, filters = _chosen(actor, query)
    lowest, highest = _bounds(query, newest_first)
    limit: int = query["limit"]
    filters[_ORGANIZATION] = organization
    prefix = _prefix_of(filters)
    wanted = filters.pop(AuditEntry.id, None)
    if wanted is not None:
        lowest, highest = max(lowest, wanted), min(highest, _after(wanted))
    values: dict[str, Any] = {f"prefix_{at}": filters.pop(column) for at, column in enumerate(prefix)}
    if _ORGANIZATION not in prefix:
        # A key or a user is of one organization: all rows are the actor's, or none is.
        del filters[_ORGANIZATION]
    values |= {f"filter_{at}": value for at, value in enumerate(filters.values())}
    values |= {"lowest": lowest, "highest": highest, "limit": limit + 1}
    data = _statement(prefix, tuple(filters), newest_first).dicts(connection, values)
    if any(row["organization_id"] != organization for row in data):
        data = []
    more = len(data) > limit
    del data[limit:]
    return Page(data, limit, _as_cursor(data[-1]["id"]) if more else None)


class _Unindexed(ColumnElement[Any]):
    """A column by which SQLite is not to choose an index: it has no statistics, and takes any that fits."""

    inherit_cache = False

    def __init__(self, column: Any) -> None:
        self.column, self.type = column, column.type


@compiles(_Unindexed)
def _as_it_is(element: _Unindexed, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.column, **options))


@compiles(_Unindexed, "sqlite")
def _with_plus(element: _Unindexed, compiler: Any, **options: Any) -> str:
    return f"+{compiler.process(element.column, **options)}"


@lru_cache(maxsize=512)
def _statement(prefix: tuple[Any, ...], filters: tuple[Any, ...], newest_first: bool) -> Prepared:
    """The rows between two places of one index, in its order: all that it begins with is named, then the id.

    The ids are found first, of which the index alone knows. For whole rows PostgreSQL would rather walk
    through the newest of all, which its statistics call near when each of two values is frequent, although
    there may be none with both.
    """
    binds = [bindparam(f"prefix_{at}", type_=column.type) for at, column in enumerate(prefix)]
    lowest, highest = (bindparam(name, type_=SmallUuid()) for name in ("lowest", "highest"))
    ids = select(AuditEntry.id).where(
        *(column == bind for column, bind in zip(prefix, binds, strict=True)),
        AuditEntry.id >= lowest,
        AuditEntry.id < highest,
    )
    # Said once more in the words of the indexes that hold some of the rows.
    if prefix[0] is not _ORGANIZATION:
        ids = ids.where(prefix[0].is_not(None))
    if prefix in _WITHOUT_USUAL:
        ids = ids.where(_STATUS.op("<>")(literal_column(str(USUAL_STATUS))))
    for at, column in enumerate(filters):
        ids = ids.where(_Unindexed(column) == bindparam(f"filter_{at}", type_=column.type))
    page = ids.order_by(_ordered(AuditEntry.id, newest_first)).limit(bindparam("limit", type_=Integer))
    whole = select(*(_SHOWN.c[name] for name in SHOWN)).where(_SHOWN.c.id.in_(page))
    return Prepared(whole.order_by(_ordered(_SHOWN.c.id, newest_first)))


def _ordered(column: Any, newest_first: bool) -> Any:
    return column.desc() if newest_first else column.asc()


def _prefix_of(filters: Mapping[Any, Any]) -> tuple[Any, ...]:
    usual = filters.get(_STATUS) == USUAL_STATUS
    return next(
        prefix
        for prefix in _PREFIXES
        if all(column in filters for column in prefix) and not (usual and prefix in _WITHOUT_USUAL)
    )


def _bounds(query: Mapping[str, Any], newest_first: bool) -> tuple[UUID, UUID]:
    """The ids from which and before which the page lies."""
    lowest, highest = ALL_IDS
    since, until = time_in(query, "from"), time_in(query, "to")
    lowest = lowest if since is None else first_id(since)
    highest = highest if until is None else first_id(until)
    if query.get("cursor") is not None:
        last = _from_cursor(query["cursor"])
        if newest_first:
            highest = min(highest, last)
        else:
            lowest = max(lowest, _after(last))
    return lowest, highest


def _after(entry_id: UUID) -> UUID:
    return UUID(int=min(entry_id.int + 1, ALL_IDS[1].int))


def _as_cursor(entry_id: UUID) -> str:
    return base64.urlsafe_b64encode(entry_id.bytes).decode().rstrip("=")


def _from_cursor(cursor: str) -> UUID:
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        raise Refusal(
            CURSOR_INVALID,
            "The cursor is not one that this list gave out; begin again without it.",
            field="/query/cursor",
        ) from None


def read_entry(connection: Connection, actor: Actor, entry_id: UUID) -> dict[str, Any]:
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


def sees_strangers(actor: Actor) -> bool:
    """Whether calls of nobody known are the actor's to see: owners and admins of those who run this Writ,
    which is the organization that the migrations make.
    """
    return organization_of(actor) == DEFAULT_ORGANIZATION_ID and actor.role in ("owner", "admin")


def _chosen(actor: Actor, query: Mapping[str, Any]) -> tuple[UUID, dict[Any, Any]]:
    """Whose rows are asked for, and what they must have beside."""
    organization = organization_of(actor)
    filters = equals(query, _COLUMNS)
    _add_status(filters)
    _add_operation(filters)
    if query.get("request_id") is not None:
        filters[AuditEntry.id] = _id_of(query["request_id"])
    if query.get("strangers"):
        if not sees_strangers(actor):
            message = "Calls of strangers are shown to owners and admins of the first organization."
            raise Refusal(FORBIDDEN, message)
        organization = NOBODY
    return organization, filters


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
