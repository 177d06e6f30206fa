"""Selects on the path of every request: compiled once, then run on the driver itself.

SQLAlchemy writes the statement and says how its types are converted; left out is what it does around each
execution, which takes several times as long as SQLite needs to answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Dialect, Select, Uuid
from sqlalchemy.types import TypeEngine

Convert = Callable[[Any], Any]


class Prepared:
    """A select whose parameters are all named `bindparam`s with a value at each execution.

    Columns named in `raw` come as the driver gives them, which is enough to compare them with each other.
    For connections in autocommit (`Store.read`) only: nothing here begins a transaction.
    """

    __slots__ = ("_forms", "_raw", "keys", "statement")

    def __init__(self, statement: Select[*tuple[Any, ...]], raw: frozenset[str] = frozenset()) -> None:
        self.statement = statement
        self.keys: tuple[str, ...] = tuple(statement.selected_columns.keys())
        self._raw = raw
        self._forms: dict[int, tuple[Dialect, _Form]] = {}

    def all(self, connection: Connection, parameters: Mapping[str, Any]) -> list[Sequence[Any]]:
        """Every row, its values in the order of `keys`.

        Raises:
            SQLAlchemyError: as `Connection.execute`.
        """
        dialect = connection.dialect
        # The dialect is kept beside its form, so that its id cannot become another one's.
        found = self._forms.get(id(dialect))
        if found is None:
            found = self._forms[id(dialect)] = (dialect, _Form(self, dialect, self._raw))
        form = found[1]
        try:
            cursor = connection.connection.cursor()
            try:
                cursor.execute(form.sql, form.bind(parameters))
                rows: Sequence[Sequence[Any]] = cursor.fetchall()
            finally:
                cursor.close()
        except form.errors:
            # SQLAlchemy knows what the error means, which connections it breaks, and raises its own classes.
            return form.convert(connection.exec_driver_sql(form.sql, form.bind(parameters)).all())
        return form.convert(rows)

    def first(self, connection: Connection, parameters: Mapping[str, Any]) -> Sequence[Any] | None:
        """The first row, or None; for selects of at most one row."""
        rows = self.all(connection, parameters)
        return rows[0] if rows else None

    def dicts(self, connection: Connection, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Every row as a dict."""
        keys = self.keys
        return [dict(zip(keys, row, strict=True)) for row in self.all(connection, parameters)]


class _Form:
    """What a statement is in one dialect: its text, and how values go in and come out."""

    def __init__(self, prepared: Prepared, dialect: Dialect, raw: frozenset[str]) -> None:
        compiled = prepared.statement.compile(dialect=dialect)
        self.sql = compiled.string
        self.errors: type[BaseException] = dialect.loaded_dbapi.Error
        names: Sequence[str] = compiled.positiontup or tuple(compiled.binds)
        self._positional = compiled.positional
        self._fixed = {name: b.value for name, b in compiled.binds.items() if not b.required}
        self._inputs: list[tuple[str, Convert | None]] = [
            (name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in names
        ]
        outputs = [
            (at, _converter(column.type, dialect))
            for at, (key, column) in enumerate(prepared.statement.selected_columns.items())
            if key not in raw
        ]
        self._outputs = [(at, convert) for at, convert in outputs if convert is not None]

    def bind(self, parameters: Mapping[str, Any]) -> Any:
        """The parameters as the driver takes them."""
        given = {**self._fixed, **parameters} if self._fixed else parameters
        if self._positional:
            return tuple([given[n] if convert is None else convert(given[n]) for n, convert in self._inputs])
        return {n: given[n] if convert is None else convert(given[n]) for n, convert in self._inputs}

    def convert(self, rows: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
        """The driver's rows with their values converted."""
        outputs = self._outputs
        converted: list[Sequence[Any]] = []
        for row in rows:
            values = list(row)
            for at, convert in outputs:
                value = values[at]
                if value is not None:
                    values[at] = convert(value)
            converted.append(values)
        return converted


def _converter(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    convert: Convert | None = kind.dialect_impl(dialect).result_processor(dialect, None)
    if isinstance(kind, Uuid) and convert is not None and not dialect.supports_native_uuid:
        return _read_hex
    return convert


def _read_hex(text: str) -> UUID:
    # UUID(text) first looks for braces, hyphens and a prefix, which the database never has.
    return UUID(int=int(text, 16))
