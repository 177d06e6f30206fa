"""How much was called: sums over the counts that are kept with the log, which therefore say what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Integer, Label, bindparam, case, func, select
from writ_contract.errors import SPAN_TOO_LONG

from writ.contract.errors import Refusal
from writ.records.models import UsageHour
from writ.records.sealing import hour_of
from writ.records.times import time_in
from writ.store.base import SmallUuid, now
from writ.store.prepared import Prepared

LONGEST_DAYS, LONGEST_HOURLY_DAYS = 400, 31
FIRST_ERROR = 400

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOURS = {"hour": 1, "day": 24}
_PLACE = ("operation_id", "endpoint", "method")


def summary(connection: Connection, organization: UUID, query: Mapping[str, Any]) -> dict[str, Any]:
    """Requests by hour or day, and their sum.

    Raises:
        Refusal: SPAN_TOO_LONG; VALIDATION_ERROR for a time that there is not.
    """
    since, until = _span(query)
    interval = query["interval"]
    if interval == "hour" and until - since > LONGEST_HOURLY_DAYS * 24:
        raise _too_long(f"by the hour at most {LONGEST_HOURLY_DAYS} days")
    hours = _HOURS[interval]
    found = _rows(connection, "time", organization, query, since, until)
    total = dict.fromkeys(("requests", "errors", "microseconds", "request_bytes", "response_bytes"), 0)
    periods: dict[int, dict[str, int]] = {}
    for row in found:
        period = periods.setdefault(row["hour"] // hours * hours, dict.fromkeys(total, 0))
        for name in total:
            period[name] += row[name]
            total[name] += row[name]
    data = [{"starts_at": _time(at), **_shown(counts)} for at, counts in sorted(periods.items())]
    return {**_bounds(since, until), "interval": interval, "total": _shown(total), "data": data}


def by_endpoint(connection: Connection, organization: UUID, query: Mapping[str, Any]) -> dict[str, Any]:
    """Requests by operation, the most called first. Raises Refusal as `summary`."""
    return _grouped(connection, "endpoints", organization, query)


def by_error(connection: Connection, organization: UUID, query: Mapping[str, Any]) -> dict[str, Any]:
    """Refused and failed requests by operation and status, the most frequent first. Raises as `summary`."""
    return _grouped(connection, "errors", organization, query)


def used_in_hour(connection: Connection, keys: Sequence[UUID], moment: datetime) -> dict[UUID, int]:
    """Requests of each key in the hour of a moment; keys without any are left out."""
    if not keys:
        return {}
    values: dict[str, Any] = {f"key_{at}": key for at, key in enumerate(keys)}
    found = _used_by(len(keys)).all(connection, {**values, "hour": hour_of(moment)})
    return {key: int(requests) for key, requests in found}


@lru_cache(maxsize=128)
def _used_by(count: int) -> Prepared:
    wanted = [bindparam(f"key_{at}", type_=SmallUuid()) for at in range(count)]
    return Prepared(
        select(UsageHour.api_key_id, _sum(UsageHour.requests, "requests"))
        .where(UsageHour.api_key_id.in_(wanted), UsageHour.hour == bindparam("hour", type_=Integer))
        .group_by(UsageHour.api_key_id)
    )


def _sum(column: Any, name: str) -> Label[Any]:
    return func.sum(column).label(name)


_COUNTS = (
    _sum(UsageHour.requests, "requests"),
    _sum(case((UsageHour.status_code >= FIRST_ERROR, UsageHour.requests), else_=0), "errors"),
    _sum(UsageHour.microseconds, "microseconds"),
    _sum(UsageHour.request_bytes, "request_bytes"),
    _sum(UsageHour.response_bytes, "response_bytes"),
)
_BETWEEN = (
    UsageHour.organization_id == bindparam("organization", type_=SmallUuid()),
    UsageHour.hour >= bindparam("since", type_=Integer),
    UsageHour.hour < bindparam("until", type_=Integer),
)
_OF_KEY = UsageHour.api_key_id == bindparam("key", type_=SmallUuid())
_OPERATION = (UsageHour.operation_id, UsageHour.endpoint, UsageHour.method)
_GROUPS: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "time": ((UsageHour.hour,), ()),
    "endpoints": (_OPERATION, ()),
    "errors": ((*_OPERATION, UsageHour.status_code), (UsageHour.status_code >= FIRST_ERROR,)),
}
_STATEMENTS = {
    (name, of_key): Prepared(
        select(*columns, *_COUNTS).where(*_BETWEEN, *more, *((_OF_KEY,) if of_key else ())).group_by(*columns)
    )
    for name, (columns, more) in _GROUPS.items()
    for of_key in (False, True)
}


def _grouped(
    connection: Connection, name: str, organization: UUID, query: Mapping[str, Any]
) -> dict[str, Any]:
    since, until = _span(query)
    rows = _rows(connection, name, organization, query, since, until)
    rows.sort(key=lambda row: (-row["requests"], *(str(row[column]) for column in _PLACE)))
    data = []
    for row in rows:
        shown: dict[str, Any] = {column: row[column] for column in _PLACE}
        if "status_code" in row:
            shown["status_code"] = row["status_code"]
        data.append({**shown, **_shown(row)})
    return {**_bounds(since, until), "data": data}


def _rows(
    connection: Connection, name: str, organization: UUID, query: Mapping[str, Any], since: int, until: int
) -> list[dict[str, Any]]:
    key = query.get("api_key_id")
    values = {"organization": organization, "since": since, "until": until}
    if key is not None:
        values["key"] = key
    rows = _STATEMENTS[name, key is not None].dicts(connection, values)
    for row in rows:
        # Sums of large integers are decimals on PostgreSQL.
        for count in ("requests", "errors", "microseconds", "request_bytes", "response_bytes"):
            row[count] = int(row[count])
    return rows


def _shown(counts: Mapping[str, int]) -> dict[str, Any]:
    requests = counts["requests"]
    return {
        "requests": requests,
        "errors": counts["errors"],
        "average_response_time_ms": round(counts["microseconds"] / requests / 1000, 3) if requests else 0,
        "request_bytes": counts["request_bytes"],
        "response_bytes": counts["response_bytes"],
    }


def _span(query: Mapping[str, Any]) -> tuple[int, int]:
    """The hours from and to: whole ones, the last day when nothing is said."""
    until_at = time_in(query, "to") or now()
    since_at = time_in(query, "from") or until_at - timedelta(days=1)
    since, until = hour_of(since_at), -(-int(until_at.timestamp()) // 3600)
    if until - since > LONGEST_DAYS * 24:
        raise _too_long(f"at most {LONGEST_DAYS} days")
    return since, until


def _too_long(what: str) -> Refusal:
    message = f"from and to are too far apart; {what} are summed up."
    return Refusal(SPAN_TOO_LONG, message, field="/query/from")


def _bounds(since: int, until: int) -> dict[str, datetime]:
    return {"from": _time(since), "to": _time(until)}


def _time(hour: int) -> datetime:
    return _EPOCH + timedelta(hours=hour)
