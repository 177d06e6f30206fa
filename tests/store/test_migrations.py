"""What the migrations make is what the models say, on both databases, and nobody is lost on the way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

import writ.app  # noqa: F401  (every table is there when everything is imported)
from writ.store.base import Base
from writ.store.engine import make_engine
from writ.store.migrate import upgrade

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
