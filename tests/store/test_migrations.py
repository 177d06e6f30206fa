"""What the migrations make is what the models say, on both databases, and nobody is lost on the way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import JSON, Boolean, Column, DateTime, Engine, Integer, MetaData, Uuid, insert, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import writ.app
import writ.store.lease  # noqa: F401  (every table is there when everything is imported)
from writ.access.models import ApiKey
from writ.store.base import DEFAULT_ORGANIZATION_ID, Base
from writ.store.engine import make_engine
from writ.store.migrate import begin, configuration, upgrade

AT = datetime(2026, 2, 20, tzinfo=UTC)
USER, SESSION = UUID(int=7), UUID(int=8)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def value(engine: Engine, statement: str) -> object:
    with engine.begin() as connection:
        return connection.execute(text(statement)).scalar_one()


def test_the_migrated_tables_are_those_of_the_models(engine: Engine) -> None:
    upgrade(engine)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.requirement("S3-15", "S3-235")
def test_users_come_into_the_default_organization_and_keep_their_sessions(engine: Engine) -> None:
    upgrade(engine, "0001")
    as_text: dict[str, object] = {"user": USER, "session": SESSION}
    if engine.dialect.name == "sqlite":
        as_text = {"user": USER.hex, "session": SESSION.hex}
    at = AT if engine.dialect.name == "postgresql" else "2026-02-20 00:00:00.000000"
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO users (id, email, password_hash, role, created_at, updated_at) "
                "VALUES (:user, 'ada@example.com', 'x', 'owner', :at, :at)"
            ),
            {**as_text, "at": at},
        )
        connection.execute(
            text(
                "INSERT INTO sessions (id, user_id, token_hash, created_at, expires_at) "
                "VALUES (:session, :user, 'h', :at, :at)"
            ),
            {**as_text, "at": at},
        )
    upgrade(engine)
    assert value(engine, "SELECT count(*) FROM sessions JOIN users ON users.id = sessions.user_id") == 1
    assert value(engine, "SELECT email FROM users") == "ada@example.com"
    assert (
        value(
            engine,
            "SELECT organizations.name FROM users JOIN organizations ON organizations.id = organization_id",
        )
        == "Default"
    )
    upgrade(engine)
    assert value(engine, "SELECT count(*) FROM organizations") == 1


CHAIN = (
    "nodes",
    "sites",
    "environments",
    "releases",
    "backups",
    "domains",
    "uploads",
    "jobs",
    "job_steps",
    "job_log",
    "job_locks",
    "job_holds",
)
"""Tables of which some refer to others, in that order."""


def add_one_row_to_each(engine: Engine) -> None:
    """A row in each table of the chain, whose foreign keys refer to the row of the other table."""
    as_they_are = MetaData()
    as_they_are.reflect(engine, only=CHAIN)
    known: dict[str, object] = {"status": "queued", "progress": 1, "sequence": 1}
    with engine.begin() as connection:
        for name in CHAIN:
            table = as_they_are.tables[name]
            values = {}
            for column in table.columns:
                if not column.nullable:
                    values[column.name] = known.get(column.name, some_value(column, engine))
            connection.execute(insert(table).values(values))


def some_value(column: Column[object], engine: Engine) -> object:
    """The same id for every row, and otherwise something of the column's type."""
    if str(column.type) == "CHAR(32)" or isinstance(column.type, Uuid):
        one = DEFAULT_ORGANIZATION_ID if column.name == "organization_id" else UUID(int=7)
        return one.hex if engine.dialect.name == "sqlite" else one
    if isinstance(column.type, DateTime):
        return AT
    if isinstance(column.type, JSON):
        return []
    return 1 if isinstance(column.type, (Integer, Boolean)) else "x"


def counts(engine: Engine) -> dict[str, object]:
    return {name: value(engine, f"SELECT count(*) FROM {name}") for name in CHAIN}


@pytest.mark.requirement("S3-15")
def test_no_row_is_lost_when_sites_and_jobs_come_into_an_organization(engine: Engine) -> None:
    upgrade(engine, "0003")
    add_one_row_to_each(engine)
    assert set(counts(engine).values()) == {1}
    upgrade(engine, "0006")
    assert set(counts(engine).values()) == {1}
    for name in ("sites", "jobs", "uploads"):
        found = f"SELECT o.name FROM {name} JOIN organizations o ON o.id = organization_id"
        assert value(engine, found) == "Default"
    with begin(engine) as connection:
        command.downgrade(configuration(connection), "0003")
    assert set(counts(engine).values()) == {1}
    upgrade(engine)
    assert set(counts(engine).values()) == {1}


def test_a_migration_that_loses_rows_is_taken_back(tmp_path: Path) -> None:
    """On SQLite foreign keys are off while tables are altered, and looked at before the commit."""
    engine = make_engine(f"sqlite:///{tmp_path / 'test.db'}", pool_size=1)
    upgrade(engine)
    add_one_row_to_each(engine)
    with pytest.raises(RuntimeError, match="rows that refer to none"), begin(engine) as connection:
        connection.execute(text("DELETE FROM sites"))
    assert value(engine, "SELECT count(*) FROM sites") == 1
    assert value(engine, "PRAGMA foreign_keys") == 1
    engine.dispose()


@pytest.mark.requirement("S3-18", "S3-21")
def test_keys_from_before_secrets_stay_and_get_the_limit_of_their_tier(engine: Engine) -> None:
    upgrade(engine, "0003")
    sqlite = engine.dialect.name == "sqlite"
    as_text: dict[str, object] = {
        "user": USER.hex if sqlite else USER,
        "key": UUID(int=9).hex if sqlite else UUID(int=9),
        "organization": UUID(int=1).hex if sqlite else UUID(int=1),
        "at": "2026-02-20 00:00:00.000000" if sqlite else AT,
    }
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO users (id, organization_id, email, password_hash, role, created_at, updated_at) "
                "VALUES (:user, :organization, 'ada@example.com', 'x', 'owner', :at, :at)"
            ),
            as_text,
        )
        connection.execute(
            text(
                "INSERT INTO api_keys (id, organization_id, key_name, api_key, mode, key_type, permissions, "
                "ip_allowlist, rate_limit_per_hour, is_active, created_by, created_at) "
                "VALUES (:key, :organization, 'K', 'h', 'live', 'premium', '{\"scopes\": []}', '[]', 1000, "
                "true, :user, :at)"
            ),
            as_text,
        )
    upgrade(engine)
    with Session(engine) as session:
        key = session.get_one(ApiKey, UUID(int=9))
        assert (key.api_secret, key.previous_api_secret, key.require_signature) == (None, None, False)
        assert (key.rate_limits, key.rate_limit_per_hour) == ({}, 5000)
        assert (key.key_name, key.is_active, key.permissions) == ("K", True, {"scopes": []})


@pytest.mark.requirement("S3-93")
def test_the_roles_are_widened_and_sessions_and_keys_are_kept(engine: Engine) -> None:
    upgrade(engine, "0003")
    sqlite = engine.dialect.name == "sqlite"
    at = "2026-02-20 00:00:00.000000" if sqlite else AT
    with engine.begin() as connection:
        organization = connection.execute(text("SELECT id FROM organizations")).scalar_one()
        values = {"id": USER.hex if sqlite else USER, "at": at, "org": organization}
        connection.execute(
            text(
                "INSERT INTO users (id, organization_id, email, password_hash, role, created_at, updated_at) "
                "VALUES (:id, :org, 'ada@example.com', 'x', 'owner', :at, :at)"
            ),
            values,
        )
        connection.execute(
            text(
                "INSERT INTO sessions (id, user_id, token_hash, created_at, expires_at) "
                "VALUES (:id, :id, 'h', :at, :at)"
            ),
            values,
        )
        connection.execute(
            text(
                "INSERT INTO api_keys (id, organization_id, key_name, api_key, mode, key_type, permissions, "
                "ip_allowlist, rate_limit_per_hour, is_active, created_by, created_at) VALUES "
                "(:id, :org, 'k', 'h', 'live', 'standard', '{}', '[]', 1000, true, :id, :at)"
            ),
            values,
        )
    upgrade(engine)
    assert value(engine, "SELECT count(*) FROM sessions JOIN users ON users.id = sessions.user_id") == 1
    assert value(engine, "SELECT count(*) FROM api_keys JOIN users ON users.id = created_by") == 1
    assert value(engine, "SELECT status FROM users") == "active"
    with engine.begin() as connection:
        connection.execute(text("UPDATE users SET role = 'viewer'"))
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text("UPDATE users SET role = 'king'"))
    if sqlite:
        assert value(engine, "PRAGMA integrity_check") == "ok"
