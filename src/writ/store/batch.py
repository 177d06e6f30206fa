"""Many rows in one statement, on both databases: they go in as one JSON text, and the statement reads it.

A statement a row would cost more than the row, and every step that a driver takes lets the interpreter's lock
go and has to wait for it again. Inside, ids are 32 hexadecimal digits and times, in UTC, are
`YYYY-MM-DD HH:MM:SS.ffffff`: texts that neither database has to be told how to read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Connection

_CASTS = {
    "id": "({})::uuid",
    "text": "{}",
    "int": "({})::bigint",
    "time": "(({}) || '+00')::timestamptz",
}


def time_text(moment: datetime | float) -> str:
    """A time, or seconds since 1970, as batches and SQLite write it."""
    at = moment.astimezone(UTC) if isinstance(moment, datetime) else datetime.fromtimestamp(moment, UTC)
    return at.isoformat(" ", "microseconds")[:26]


def read_time(text: str) -> datetime:
    """The time again."""
    return datetime.fromisoformat(text + "+00:00")


class Batch:
    """A statement over many rows. `{rows}` in it stands for a subquery with the columns that are named.

    `columns` says of what kind each one is: id, text, int or time; all may be null.
    """

    def __init__(self, statement: str, columns: Mapping[str, str]) -> None:
        sqlite = ", ".join(f"json_extract(value, '$[{at}]') AS {name}" for at, name in enumerate(columns))
        postgres = ", ".join(
            f"{_CASTS[kind].format(f'value->>{at}')} AS {name}"
            for at, (name, kind) in enumerate(columns.items())
        )
        self._sql = {
            "sqlite": statement.format(rows=f"(SELECT {sqlite} FROM json_each(?))"),  # noqa: S608 (texts of this program)
            "postgresql": statement.format(
                rows=f"(SELECT {postgres} FROM json_array_elements(%s::json) AS given(value))"  # noqa: S608
            ),
        }

    def run(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> int:
        """Run it and return how many rows it touched. Raises SQLAlchemyError."""
        if not rows:
            return 0
        found = connection.exec_driver_sql(self._sql[connection.dialect.name], (orjson.dumps(rows).decode(),))
        return int(found.rowcount)


class Reading:
    """A select whose rows come as lists of plain values, in one step.

    `columns` are names, kinds (as for a batch, and json, which comes as its text) and what stands for them
    in SQL; `rest` is the statement from FROM on, whose parameters are question marks.
    """

    def __init__(self, columns: Mapping[str, tuple[str, str]], rest: str) -> None:
        self.names = tuple(columns)
        inner = ", ".join(f"{sql} AS {name}" for name, (_, sql) in columns.items())
        outer = ", ".join(columns)
        texts = {
            "id": "replace(({})::text, '-', '')",
            "json": "({})::text",
            "time": "to_char(({}) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')",
        }
        postgres = ", ".join(
            f"{texts.get(kind, '{}').format(sql)} AS {name}" for name, (kind, sql) in columns.items()
        )
        self._sql = {
            "sqlite": f"SELECT json_group_array(json_array({outer})) FROM (SELECT {inner} {rest})",  # noqa: S608
            "postgresql": f"SELECT {postgres} {rest.replace('?', '%s')}",
        }

    def all(self, connection: Connection, *parameters: Any) -> list[list[Any]]:
        """Every row. Raises SQLAlchemyError."""
        name = connection.dialect.name
        found = connection.exec_driver_sql(self._sql[name], parameters)
        if name == "sqlite":
            rows: list[list[Any]] = orjson.loads(found.scalar_one())
            return rows
        return [list(row) for row in found]
