"""Engines: SQLite in WAL mode for one machine, PostgreSQL for more."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

BUSY_MILLISECONDS = 15_000
_TURN = "writ.turn"


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def make_engine(url: str, *, autocommit: bool = False, pool_size: int = 12) -> Engine:
    """An engine for `sqlite:///path` or `postgresql://…`; connects when first used, not here.

    With `autocommit` its connections never open a transaction: for selects that only answer.
    """
    parsed = make_url(url)
    isolation: dict[str, Any] = {}
    if autocommit:
        # Where nothing is ever begun there is nothing to roll back when a connection is given back.
        isolation = {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            parsed,
            json_serializer=_dumps,
            json_deserializer=orjson.loads,
            poolclass=QueuePool,
            pool_size=pool_size,
            max_overflow=pool_size,
            connect_args={"check_same_thread": False, "timeout": BUSY_MILLISECONDS / 1000},
            **isolation,
        )
        event.listen(engine, "do_connect", _make_private)
        event.listen(engine, "connect", _prepare_sqlite)
        if not autocommit:
            turns = _Turns()
            event.listen(engine, "begin", turns.begin)
            event.listen(engine, "checkin", turns.end)
        return engine
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(
        parsed,
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=False,
        pool_recycle=1800,
        # A frozen process must not hold a row for ever.
        connect_args={
            "connect_timeout": 5,
            "options": "-c timezone=UTC -c idle_in_transaction_session_timeout=60000",
        },
        **isolation,
    )


def _make_private(_dialect: Any, _record: Any, arguments: list[Any], _options: Any) -> None:
    # The file is made for its owner alone; SQLite gives the files beside it the rights of this one.
    if arguments and arguments[0] and arguments[0] != ":memory:":
        # Where it cannot be made, SQLite says so itself.
        with suppress(OSError):
            Path(arguments[0]).touch(mode=0o600)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own BEGIN is deferred and comes too late; transactions are begun by _Turns.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
    cursor.close()


class _Turns:
    """The threads of a process write one after the other.

    SQLite lets one write at a time, and who finds it busy sleeps for milliseconds before asking again; in one
    process a lock passes the turn on at once. Other processes are left to SQLite.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def begin(self, connection: Connection) -> None:
        """Begin a transaction in turn, held until the connection goes back to the pool."""
        info = connection.info
        if _TURN not in info and self._lock.acquire(timeout=BUSY_MILLISECONDS / 1000):
            info[_TURN] = True
        # A deferred transaction that reads first and writes later fails at once when another has written;
        # taking the write lock at the start waits its turn instead. Reads use autocommit and never come here.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def end(self, _connection: Any, record: ConnectionPoolEntry) -> None:
        """Pass the turn on."""
        if record.info.pop(_TURN, False):
            self._lock.release()
