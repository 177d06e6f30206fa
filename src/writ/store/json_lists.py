"""Questions about lists inside JSON columns, for both databases."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson
from sqlalchemy import ColumnClause, ColumnElement, and_, column, exists, func, literal, select


def lists_only(document: Any, name: str, values: Collection[str], dialect: str) -> ColumnElement[bool]:
    """Whether a JSON column's object has a list under this name, and in it nothing but these values."""
    wanted = literal(orjson.dumps(sorted(values)).decode())
    if dialect == "postgresql":
        found = document[name]
        is_list: ColumnElement[bool] = func.jsonb_typeof(found) == "array"
        return and_(is_list, found.op("<@", is_comparison=True)(func.jsonb(wanted)))
    one: ColumnClause[str] = column("value")
    in_row = func.json_each(document, f"$.{name}").table_valued(one, name="in_row")
    among = func.json_each(wanted).table_valued(one, name="among")
    return and_(
        func.json_type(document, f"$.{name}") == "array",
        ~exists(select(in_row).where(~exists(select(among).where(among.c.value == in_row.c.value)))),
    )
