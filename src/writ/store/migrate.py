"""Migrations: Alembic, carried inside the package so that an installed Writ can upgrade its database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

FOLDER = Path(__file__).with_name("migrations")
_LOCK = 0x57524954


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database to the revision; of several processes, one works and the others wait.

    Raises:
        RuntimeError: a migration would have left rows that refer to no row; nothing was changed.
    """
    with begin(engine) as connection:
        command.upgrade(configuration(connection), revision)


@contextmanager
def begin(engine: Engine) -> Iterator[Connection]:
    """A transaction for migrations, that no other process migrates beside.

    SQLite alters a table by making it anew. With foreign keys in force, dropping the old one would delete the
    rows that refer to it, so they are off meanwhile and checked before the commit, as SQLite's own
    documentation advises ("Making Other Kinds Of Table Schema Changes").

    Raises:
        RuntimeError: at the end, rows refer to no row; nothing was changed.
    """
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            with connection.begin():
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                yield connection
            return
        # On the driver: within a transaction SQLite ignores it, and SQLAlchemy would begin one.
        driver = connection.connection.cursor()
        driver.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                yield connection
                lost = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                if lost:
                    raise RuntimeError(f"the migration leaves rows that refer to none: {lost[:5]}")
        finally:
            driver.execute("PRAGMA foreign_keys=ON")
            driver.close()


def configuration(connection: Connection) -> Config:
    """Alembic's configuration for a connection with an open transaction."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    return config
