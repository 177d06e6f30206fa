"""A real PostgreSQL server for tests; every test gets a database of its own."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from sqlalchemy.engine import make_url


class PostgresServer:
    """A server in a folder of its own, stopped at the end of the session.

    The folder is not pytest's: a root's server runs as another user, and each session of pytest shuts
    everybody else out of the folder that all sessions share.
    """

    def __init__(self) -> None:
        import pgserver

        self._folder = Path(tempfile.mkdtemp(prefix="writ-postgres-"))
        self._server: Any = pgserver.get_server(self._folder, cleanup_mode="stop")
        self._url = make_url(self._server.get_uri()).set(drivername="postgresql")
        # No test cuts the power: a server that is killed has lost nothing that it wrote to the system.
        with psycopg.connect(self._url.render_as_string(False), autocommit=True) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
            connection.execute("SELECT pg_reload_conf()")

    def create_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"writ_{uuid4().hex}"
        with psycopg.connect(self._url.render_as_string(False), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self._url.set(database=name).render_as_string(False)

    def drop_database(self, url: str) -> None:
        """Drop a database, and end whatever is still connected to it."""
        name = make_url(url).database
        with psycopg.connect(self._url.render_as_string(False), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def stop(self) -> None:
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)
