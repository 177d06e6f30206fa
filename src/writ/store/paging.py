"""Lists page by key: the next page begins after the last row, so the last page costs what the first does."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Integer, Select, bindparam, select, tuple_, union_all
from sqlalchemy.types import TypeEngine

from writ.contract.errors import Refusal
from writ.store.base import UtcDateTime
from writ.store.prepared import Prepared

MOST_ARMS = 100
"""How many values a list looks up one by one; SQLite refuses a union of more than 500 selects."""


@dataclass(frozen=True, slots=True)
class Order:
    """One sort of a list: the columns that make the key (the last one unique), and the direction."""

    columns: tuple[Any, ...]
    descending: bool


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page as dicts, and the cursor of the next one (None at the end)."""

    data: list[dict[str, Any]]
    limit: int
    next_cursor: str | None

    def as_json(self) -> dict[str, Any]:
        """The list envelope of every surface."""
        return {"data": self.data, "pagination": {"limit": self.limit, "next_cursor": self.next_cursor}}


def read_page(
    connection: Connection,
    statement: Select[*tuple[Any, ...]],
    orders: Mapping[str, Order],
    query: Mapping[str, Any],
    filters: Mapping[Any, Any] | None = None,
    among: tuple[Any, Sequence[Any]] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Page:
    """One page of a select. `query` holds limit, sort and perhaps cursor, as the contract names them.

    `filters` are columns and the values that they must have, `among` a column and values of which it must
    have one; without any, nothing is found. `more` are the values of the statement's own parameters. The
    statement is kept between calls, so it must be a constant; every key column of its orders must be among
    its columns.

    Raises:
        Refusal: CURSOR_INVALID for a cursor that this list did not give out for this sort.
    """
    sort, limit = query["sort"], query["limit"]
    order = orders[sort]
    filters = filters or {}
    parameters = {f"filter_{at}": value for at, value in enumerate(filters.values())}
    parameters |= more or {}
    parameters["limit"] = limit + 1
    cursor = query.get("cursor")
    if cursor is not None:
        parameters |= {f"key_{at}": value for at, value in enumerate(_decode(cursor, sort, order))}
    column, values = (None, ()) if among is None else among
    parameters |= {f"among_{at}": value for at, value in enumerate(values)}
    data: list[dict[str, Any]] = []
    if among is None or values:
        arms = (column, len(values))
        prepared = _prepare(statement, order, tuple(filters), arms, cursor is not None)
        data = prepared.dicts(connection, parameters)
    next_cursor = None
    if len(data) > limit:
        del data[limit:]
        next_cursor = _encode(sort, [data[-1][column.key] for column in order.columns])
    return Page(data, limit, next_cursor)


# One for each combination of list, sort and filters in use.
@lru_cache(maxsize=512)
def _prepare(
    statement: Select[*tuple[Any, ...]],
    order: Order,
    filters: tuple[Any, ...],
    arms: tuple[Any, int],
    after_cursor: bool,
) -> Prepared:
    for at, column in enumerate(filters):
        statement = statement.where(column == bindparam(f"filter_{at}", type_=column.type))
    if after_cursor:
        bound = tuple_(*(bindparam(f"key_{at}", type_=c.type) for at, c in enumerate(order.columns)))
        key = tuple_(*order.columns)
        statement = statement.where(key < bound if order.descending else key > bound)
    column, count = arms
    if column is None:
        return Prepared(_page(statement, order, order.columns))
    values = [bindparam(f"among_{at}", type_=column.type) for at in range(count)]
    if count == 1 or count > MOST_ARMS:
        one_of = column == values[0] if count == 1 else column.in_(values)
        return Prepared(_page(statement.where(one_of), order, order.columns))
    # The first rows of each value, by its own index, and of those the first: with IN, databases read and sort
    # all rows of all values.
    pages = [_page(statement.where(column == value), order, order.columns).subquery() for value in values]
    whole = union_all(*(select(page) for page in pages)).subquery()
    return Prepared(_page(select(whole), order, [whole.c[column.key] for column in order.columns]))


def _page(statement: Select[*tuple[Any, ...]], order: Order, key: Sequence[Any]) -> Select[*tuple[Any, ...]]:
    direction = [column.desc() if order.descending else column.asc() for column in key]
    return statement.order_by(*direction).limit(bindparam("limit", type_=Integer))


def equals(query: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[Any, Any]:
    """The filters that the query names: of parameter → column, the columns with their values."""
    return {column: query[name] for name, column in columns.items() if query.get(name) is not None}


def _encode(sort: str, key: Sequence[Any]) -> str:
    raw = orjson.dumps([sort, *(_plain(value) for value in key)])
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _decode(cursor: str, sort: str, order: Order) -> list[Any]:
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        found = orjson.loads(raw)
        if not isinstance(found, list) or found[0] != sort or len(found) != len(order.columns) + 1:
            raise ValueError("not a cursor of this sort")
        return [
            _typed(text, _python_type(column.type))
            for text, column in zip(found[1:], order.columns, strict=True)
        ]
    except (ValueError, IndexError, TypeError, AttributeError, OverflowError, binascii.Error):
        raise Refusal(
            "CURSOR_INVALID",
            "The cursor is not one that this list gave out for this sort; begin again without it.",
            field="/query/cursor",
        ) from None


def _python_type(column_type: TypeEngine[Any]) -> type[Any]:
    # A decorated type does not say what its values are; this one's are times.
    return datetime if isinstance(column_type, UtcDateTime) else column_type.python_type


def _typed(value: Any, wanted: type[Any]) -> Any:
    if wanted is datetime:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a time without a zone")
        return moment
    if wanted is UUID:
        return UUID(value)
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise ValueError("not of the key's type")
    if isinstance(value, str) and "\0" in value:
        raise ValueError("NUL")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("too large")
    return value
