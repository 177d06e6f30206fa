"""Units of work: what is written together is committed together, and what follows runs after the commit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy import Connection, Engine, ExceptionContext, event
from sqlalchemy.orm import Session

from writ.store.engine import make_engine

log = structlog.get_logger(__name__)

_AFTER = "writ.after_commit"
HELD_SECONDS = 60.0


def after_commit(session: Session, action: Callable[[], None]) -> None:
    """Run `action` once the session's unit of work has been committed; never when it is rolled back.

    An action that fails is logged: the commit stands, and the sweeper stands behind the action.
    """
    session.info.setdefault(_AFTER, []).append(action)


def run_after_commit(session: Session) -> None:
    """Run and forget the actions registered by `after_commit`."""
    for action in session.info.pop(_AFTER, ()):
        try:
            action()
        except Exception:
            log.warning("after_commit_failed", exc_info=True)


class Store:
    """The database, as units of work (`begin`) and as plain reads (`read`)."""

    def __init__(self, url: str, *, pool_size: int = 12) -> None:
        self.url = url
        self.engine = make_engine(url, pool_size=pool_size)
        self.reader: Engine = make_engine(url, autocommit=True, pool_size=pool_size)
        self._held = threading.local()
        self._broken_at = 0.0
        event.listen(self.reader, "handle_error", self._on_error)

    def open_session(self) -> Session:
        """A session that the caller commits with `commit` or closes; for the dispatcher only."""
        return Session(self.engine, expire_on_commit=False, autoflush=True)

    def commit(self, session: Session) -> None:
        """Commit, give the connection back, then run what waits for the commit."""
        session.commit()
        session.close()
        run_after_commit(session)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """One unit of work: committed at the end, rolled back whole on any error."""
        session = self.open_session()
        try:
            yield session
            self.commit(session)
        finally:
            session.close()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection in autocommit, for selects that only answer."""
        with self.reader.connect() as connection:
            yield connection

    def thread_reader(self) -> Connection:
        """The calling thread's own connection for such selects: it stays open, and nobody closes it.

        Taking one from the pool and giving it back costs more than a select by key. Once a minute, and after
        any connection was found broken, the thread takes another one.
        """
        held: tuple[Connection, float] | None = getattr(self._held, "reader", None)
        if held is not None:
            connection, taken = held
            if taken > max(self._broken_at, time.monotonic() - HELD_SECONDS) and not connection.invalidated:
                return connection
            connection.close()
        connection = self.reader.connect()
        self._held.reader = (connection, time.monotonic())
        return connection

    def _on_error(self, context: ExceptionContext) -> None:
        if context.is_disconnect:
            self._broken_at = time.monotonic()

    def close(self) -> None:
        """Close all connections; those that threads hold, when the threads are gone or ask again."""
        self._broken_at, self._held = time.monotonic(), threading.local()
        self.engine.dispose()
        self.reader.dispose()
