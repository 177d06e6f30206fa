"""people and applications"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import writ.store.base

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TIME = writ.store.base.UtcDateTime(timezone=True)
_OWNER_ONLY = "role IN ('owner')"
_ALL_ROLES = "role IN ('owner', 'admin', 'creator', 'reviewer', 'viewer')"
_STATUSES = "status IN ('active', 'inactive')"
_LISTED_BY = ("", "role_", "status_")


def upgrade() -> None:
    """Widen the roles and make the tables."""
    _change_roles(_OWNER_ONLY, _ALL_ROLES)
    op.add_column("users", sa.Column("name", sa.String(length=100), nullable=True))
    # In one statement with its check: to add one later, SQLite would have to make the table anew.
    op.execute(
        "ALTER TABLE users ADD COLUMN status VARCHAR(20) DEFAULT 'active' NOT NULL "
        f"CONSTRAINT ck_users_status_known CHECK ({_STATUSES})"
    )
    op.drop_index("ix_users_organization_id", table_name="users")
    for by in _LISTED_BY:
        columns = ["organization_id", *([by[:-1]] if by else []), "created_at", "id"]
        op.create_index(f"ix_users_organization_id_{by}created_at_id", "users", columns)
    _make_applications()
    _make_tokens()


def downgrade() -> None:
    """Remove the tables; users who are not owners cannot be kept."""
    op.drop_table("oauth_refresh_tokens")
    op.drop_table("oauth_codes")
    op.drop_table("oauth_grants")
    op.drop_table("developer_applications")
    op.drop_table("oauth_keys")
    for by in _LISTED_BY:
        op.drop_index(f"ix_users_organization_id_{by}created_at_id", table_name="users")
    op.create_index("ix_users_organization_id", "users", ["organization_id"])
    op.drop_column("users", "status")
    op.drop_column("users", "name")
    _change_roles(_ALL_ROLES, _OWNER_ONLY)


def _change_roles(before: str, after: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_users_role_known"), "users", type_="check")
        op.create_check_constraint(op.f("ck_users_role_known"), "users", after)
        return
    # Making the table anew would drop it, and with it every session and key that refers to it. What a CHECK
    # says is not in the rows, so SQLite lets the text of the table be changed (its page on ALTER TABLE,
    # section 7): the schema's version is raised so that every connection reads it again.
    connection = op.get_bind()
    text = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'users'").scalar_one()
    if text.count(before) != 1:
        raise RuntimeError(f"the table users does not say {before}")
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.exec_driver_sql(
        "UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = 'users'",
        (text.replace(before, after),),
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")


def _make_applications() -> None:
    op.create_table(
        "oauth_keys",
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("public_key", writ.store.base.Json, nullable=False),
        sa.Column("private_key", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("retired_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_oauth_keys")),
    )
    op.create_table(
        "developer_applications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("application_name", sa.String(length=100), nullable=False),
        sa.Column("application_description", sa.String(length=1000), nullable=True),
        sa.Column("application_url", sa.String(length=2000), nullable=True),
        sa.Column("contact_email", sa.String(length=255), nullable=False),
        sa.Column("api_tier", sa.String(length=20), nullable=False),
        sa.Column("approval_status", sa.String(length=20), nullable=False),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("approved_at", _TIME, nullable=True),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("client_secret", sa.String(length=64), nullable=True),
        sa.Column("is_confidential", sa.Boolean(), nullable=False),
        sa.Column("redirect_uris", writ.store.base.Json, nullable=False),
        sa.Column("scopes", writ.store.base.Json, nullable=False),
        sa.Column("grant_types", writ.store.base.Json, nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.CheckConstraint(
            "api_tier IN ('standard', 'premium', 'enterprise')",
            name=op.f("ck_developer_applications_api_tier_known"),
        ),
        sa.CheckConstraint(
            "approval_status IN ('pending', 'approved', 'rejected', 'suspended')",
            name=op.f("ck_developer_applications_approval_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["approved_by"], ["users.id"], name=op.f("fk_developer_applications_approved_by")
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_developer_applications_created_by")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_developer_applications_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_developer_applications")),
        sa.UniqueConstraint("client_id", name=op.f("uq_developer_applications_client_id")),
    )
    op.create_index(op.f("ix_developer_applications_approved_by"), "developer_applications", ["approved_by"])
    op.create_index(op.f("ix_developer_applications_created_by"), "developer_applications", ["created_by"])
    op.create_index(
        "ix_developer_applications_listed", "developer_applications", ["organization_id", "created_at", "id"]
    )
    op.create_index(
        "ix_developer_applications_listed_by_status",
        "developer_applications",
        ["organization_id", "approval_status", "created_at", "id"],
    )


def _make_tokens() -> None:
    op.create_table(
        "oauth_grants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("scopes", writ.store.base.Json, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("revoked_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["developer_applications.id"],
            name=op.f("fk_oauth_grants_application_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_oauth_grants_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_grants")),
    )
    op.create_index(op.f("ix_oauth_grants_application_id"), "oauth_grants", ["application_id"])
    op.create_index(op.f("ix_oauth_grants_expires_at"), "oauth_grants", ["expires_at"])
    op.create_index(op.f("ix_oauth_grants_user_id"), "oauth_grants", ["user_id"])
    op.create_table(
        "oauth_codes",
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("redirect_uri", sa.String(length=2000), nullable=True),
        sa.Column("code_challenge", sa.String(length=128), nullable=False),
        sa.Column("scopes", writ.store.base.Json, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("used_at", _TIME, nullable=True),
        sa.Column("grant_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["developer_applications.id"],
            name=op.f("fk_oauth_codes_application_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["grant_id"], ["oauth_grants.id"], name=op.f("fk_oauth_codes_grant_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_oauth_codes_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_oauth_codes")),
    )
    op.create_index(op.f("ix_oauth_codes_application_id"), "oauth_codes", ["application_id"])
    op.create_index(op.f("ix_oauth_codes_expires_at"), "oauth_codes", ["expires_at"])
    op.create_index(op.f("ix_oauth_codes_grant_id"), "oauth_codes", ["grant_id"])
    op.create_index(op.f("ix_oauth_codes_user_id"), "oauth_codes", ["user_id"])
    op.create_table(
        "oauth_refresh_tokens",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("spent_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["grant_id"],
            ["oauth_grants.id"],
            name=op.f("fk_oauth_refresh_tokens_grant_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_oauth_refresh_tokens")),
    )
    op.create_index(op.f("ix_oauth_refresh_tokens_grant_id"), "oauth_refresh_tokens", ["grant_id"])
