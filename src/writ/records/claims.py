"""Claims: which requests with an Idempotency-Key run at this moment, in whichever process.

A claim is a lock of the kernel or of the database server, not a row: it is gone with the process that took
it, however that ends. It only says "still running"; that nothing is done twice is ensured by the table's key.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from writ.store.engine import make_engine
from writ.store.work import Store

log = structlog.get_logger(__name__)

_TAKE = "SELECT pg_try_advisory_lock(%s::bigint)"
_GIVE_BACK = "SELECT pg_advisory_unlock(%s::bigint)"


class Claims(Protocol):
    """Claims on numbers from 0 to 2**62 - 1. Threads of a process exclude each other as processes do."""

    def take(self, number: int) -> bool:
        """Take a claim; False while somebody else has it. Never waits.

        Raises:
            OSError: the file system does not lock.
            SQLAlchemyError: the database is away.
        """
        ...

    def give_back(self, number: int) -> None:
        """End a claim that `take` gave. Raises nothing: what cannot be given back is dropped."""
        ...


def claims_of(store: Store) -> Claims:
    """The claims of everybody who works on this database; connects when first used."""
    if store.engine.dialect.name == "postgresql":
        # Beside the store's pools, so that nothing that reads has to wait for this one.
        return AdvisoryClaims(make_engine(store.url, autocommit=True, pool_size=1))
    path = Path(f"{store.engine.url.database}-claims")
    with _FILES_GUARD:
        return _FILES.setdefault(path.absolute(), FileClaims(path))


class FileClaims:
    """For SQLite: locks on single bytes of a file beside the database, by POSIX fcntl.

    Such locks belong to the process, and all of them end when it closes any descriptor of the file. So there
    is one of these a file and process (`claims_of`), and its descriptor is never closed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: set[int] = set()
        self._guard = threading.Lock()
        self._file: int | None = None

    def take(self, number: int) -> bool:
        """As `Claims.take`."""
        with self._guard:
            if number in self._held:
                return False
            if self._file is None:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
            except OSError as error:
                if error.errno in (errno.EACCES, errno.EAGAIN):
                    return False
                raise
            self._held.add(number)
            return True

    def give_back(self, number: int) -> None:
        """As `Claims.give_back`."""
        with self._guard:
            self._held.discard(number)
            if self._file is not None:
                with suppress(OSError):
                    fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)


_FILES: dict[Path, FileClaims] = {}
_FILES_GUARD = threading.Lock()


class AdvisoryClaims:
    """For PostgreSQL: session-level advisory locks, all on one connection that is used for nothing else.

    The server lets them go when the connection ends; that of a machine which is gone, after half a minute.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        # The locks of one connection do not exclude each other.
        self._held: set[int] = set()
        self._guard = threading.Lock()

    def take(self, number: int) -> bool:
        """As `Claims.take`."""
        with self._guard:
            if number in self._held:
                return False
            try:
                taken = self._ask(_TAKE, number)
            except DBAPIError as error:
                # The connection broke since it was last used; what it had claimed is free for others now.
                if not error.connection_invalidated:
                    raise
                taken = self._ask(_TAKE, number)
            if taken:
                self._held.add(number)
            return taken

    def give_back(self, number: int) -> None:
        """As `Claims.give_back`."""
        with self._guard:
            self._held.discard(number)
            if self._connection is not None:
                try:
                    self._ask(_GIVE_BACK, number)
                except SQLAlchemyError:
                    log.warning("claim_dropped", exc_info=True)

    def _ask(self, statement: str, number: int) -> bool:
        connection = self._connection or self._connect()
        try:
            return bool(connection.exec_driver_sql(statement, (number,)).scalar_one())
        except SQLAlchemyError:
            # It goes, with every claim on it: a claim that cannot be given back must not last.
            self._connection = None
            connection.invalidate()
            connection.close()
            raise

    def _connect(self) -> Connection:
        connection = self._engine.connect()
        for setting, seconds in (("idle", 15), ("interval", 5), ("count", 3)):
            connection.exec_driver_sql(f"SET tcp_keepalives_{setting} = {seconds}")
        self._connection = connection
        return connection
