"""A home with rows in it, to be copied for every server that is measured, to SQLite or to PostgreSQL."""

from __future__ import annotations

import os
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete, insert, select, text

from writ.access.key_text import hash_key, make_key
from writ.access.models import DEFAULT_ORGANIZATION_ID, ApiKey, User
from writ.access.sessions import create_session
from writ.app import prepare
from writ.hosting.models import Environment, Node, Site
from writ.jobs.kinds import REGISTRY
from writ.jobs.models import Job
from writ.settings import Settings
from writ.store.base import Base, new_id, now
from writ.store.engine import make_engine
from writ.store.migrate import upgrade
from writ.store.work import Store

SITE_SLUG = "bench"
REPOSITORY = "https://git.example.com/site.git"
SCOPES = ("hosting.deploy", "hosting.read", "jobs.read")
DEPLOY, PURGE = "environment.deploy", "environment.cache_purge"


@dataclass(frozen=True, slots=True)
class Home:
    """A folder with a database, a session and a key that may use it, and what is in it.

    `url` is the database's, None for the SQLite file in the folder.
    """

    folder: Path
    token: str
    key: str
    environments: tuple[uuid.UUID, ...]
    url: str | None = None

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folder / "writ.db"

    @property
    def database_url(self) -> str:
        """The database that a server on this home uses."""
        return self.url or f"sqlite:///{self.database}"

    def copy(self, folder: Path) -> Home:
        """The same rows in a folder of its own."""
        folder.mkdir(parents=True)
        shutil.copy2(self.database, folder / "writ.db")
        return replace(self, folder=folder)

    def copy_to(self, folder: Path, url: str) -> Home:
        """The same rows in another database, which is empty, and an empty folder."""
        folder.mkdir(parents=True)
        source, target = make_engine(self.database_url), make_engine(url)
        try:
            upgrade(target)
            with source.connect() as reading, target.begin() as writing:
                for table in reversed(Base.metadata.sorted_tables):
                    writing.execute(delete(table))
                for table in Base.metadata.sorted_tables:
                    rows = [dict(row) for row in reading.execute(select(table)).mappings()]
                    if rows:
                        writing.execute(insert(table), rows)
                last = max(
                    (row["sequence"] for row in reading.execute(select(Job.sequence)).mappings()), default=0
                )
                writing.execute(
                    text("SELECT setval(pg_get_serial_sequence('jobs', 'sequence'), :at)"), {"at": last + 1}
                )
        finally:
            source.dispose()
            target.dispose()
        return replace(self, folder=folder, url=url)


def seed(folder: Path, *, jobs: int, environments: int = 2, kind: str = DEPLOY) -> Home:
    """A home with an admin, a session, one site, its environments, and finished jobs of a kind."""
    settings = Settings(home=folder, admin_email="admin@example.com", admin_password="bench-only-password")
    folder.mkdir(parents=True)
    prepare(settings)
    store = Store(settings.database, pool_size=1)
    moment = now()
    try:
        with store.begin() as session:
            user_id = session.scalars(select(User.id)).one()
            token = create_session(session, user_id, settings, "bench")
            node_id = session.scalars(select(Node.id)).one()
            site = Site(name="Bench", slug=SITE_SLUG, repository_url=REPOSITORY, status="active")
            session.add(site)
            session.flush()
            names = ["production", "staging", *(f"e{number}" for number in range(environments - 2))]
            ids = tuple(new_id() for _ in names)
            session.add_all(
                Environment(
                    id=environment_id,
                    site_id=site.id,
                    node_id=node_id,
                    name=name.title(),
                    slug=name,
                    type="production" if name == "production" else "staging",
                    status="active",
                    hostname=f"{name}.{SITE_SLUG}.localhost",
                    current_release_id=new_id(),
                    created_at=moment,
                )
                for environment_id, name in zip(ids, names, strict=True)
            )
            site_id = site.id
            key_id = new_id()
            key = make_key(key_id, "live")
            session.add(
                ApiKey(
                    id=key_id,
                    organization_id=DEFAULT_ORGANIZATION_ID,
                    key_name="bench",
                    api_key=hash_key(key),
                    key_type="enterprise",
                    permissions={"scopes": list(SCOPES)},
                    created_by=user_id,
                    last_used_at=moment,
                )
            )
    finally:
        store.close()
    home = Home(folder, token, key, ids)
    add_jobs(home.database, jobs, kind, site_id, ids[0])
    return home


def add_jobs(database: Path, count: int, kind: str, site_id: uuid.UUID, environment_id: uuid.UUID) -> None:
    """Write finished jobs in bulk, past SQLAlchemy: a million of them take less than a minute."""
    steps = [step.name for step in REGISTRY[kind].steps]
    connection = sqlite3.connect(database)
    try:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-262144")
        before = connection.execute("SELECT coalesce(max(sequence), 0) FROM jobs").fetchone()[0]
        connection.executemany(
            "INSERT INTO jobs (id, system, kind, status, site_id, environment_id, locks, parameters, data,"
            " progress, attempt, losses, created_at, started_at, finished_at, version)"
            " VALUES (?, 'hosting', ?, 'succeeded', ?, ?, '[]', '{}', '{}', 100, 1, 0, ?, ?, ?, 9)",
            _job_rows(count, kind, site_id, environment_id),
        )
        for position, name in enumerate(steps):
            connection.execute(
                "INSERT INTO job_steps (job_id, position, name, status, started_at, finished_at)"
                " SELECT id, ?, ?, 'succeeded', started_at, finished_at FROM jobs"
                " WHERE sequence > ? ORDER BY id",
                (position, name, before),
            )
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def _job_rows(
    count: int, kind: str, site_id: uuid.UUID, environment_id: uuid.UUID
) -> Iterator[tuple[str, ...]]:
    begin = now() - timedelta(seconds=count + 10)
    site, environment = site_id.hex, environment_id.hex
    milliseconds = int(begin.timestamp() * 1000)
    for number in range(count):
        at = (begin + timedelta(seconds=number)).strftime("%Y-%m-%d %H:%M:%S.000000")
        # Ids that grow with the time, as the product's own do.
        job_id = f"{milliseconds + number * 1000:012x}7{number % 4096:03x}8{os.urandom(8).hex()[1:]}"
        yield (job_id, kind, site, environment, at, at, at)


def add_many_jobs(home: Home, count: int, kind: str) -> None:
    """The finished jobs of `seed`, more of them, for the same site and environment."""
    connection = sqlite3.connect(home.database)
    try:
        site = uuid.UUID(connection.execute("SELECT id FROM sites").fetchone()[0])
    finally:
        connection.close()
    add_jobs(home.database, count, kind, site, home.environments[0])
