"""organizations and keys"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from alembic import op

import writ.store.base

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

DEFAULT = UUID(int=1)


def upgrade() -> None:
    """Make the tables and the default organization, and put everybody into it."""
    organizations = op.create_table(
        "organizations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
    )
    op.bulk_insert(organizations, [{"id": DEFAULT, "name": "Default", "created_at": datetime.now(UTC)}])

    op.add_column("users", sa.Column("organization_id", sa.Uuid(), nullable=True))
    users = sa.table("users", sa.column("organization_id", sa.Uuid()))
    op.execute(users.update().values(organization_id=DEFAULT))
    _keep_sessions()
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.alter_column("organization_id", existing_type=sa.Uuid(), nullable=False)
        batch_op.create_foreign_key(
            op.f("fk_users_organization_id"), "organizations", ["organization_id"], ["id"]
        )
        batch_op.create_index(batch_op.f("ix_users_organization_id"), ["organization_id"], unique=False)
    _restore_sessions()

    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("key_name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.String(length=1000), nullable=True),
        sa.Column("api_key", sa.String(length=128), nullable=False),
        sa.Column("previous_api_key", sa.String(length=128), nullable=True),
        sa.Column("previous_expires_at", writ.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("key_type", sa.String(length=20), nullable=False),
        sa.Column("permissions", writ.store.base.Json, nullable=False),
        sa.Column("ip_allowlist", writ.store.base.Json, nullable=False),
        sa.Column("rate_limit_per_hour", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("last_used_at", writ.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("expires_at", writ.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", writ.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("mode IN ('live', 'test')", name=op.f("ck_api_keys_mode_known")),
        sa.CheckConstraint(
            "key_type IN ('standard', 'premium', 'enterprise')", name=op.f("ck_api_keys_key_type_known")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_api_keys_organization_id")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_api_keys_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("api_key", name=op.f("uq_api_keys_api_key")),
    )
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_keys_created_by"), ["created_by"], unique=False)
        batch_op.create_index(
            "ix_api_keys_organization_id_created_at_id", ["organization_id", "created_at", "id"], unique=False
        )


def downgrade() -> None:
    """Remove the tables."""
    op.drop_table("api_keys")
    _keep_sessions()
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_users_organization_id"))
        batch_op.drop_constraint(op.f("fk_users_organization_id"), type_="foreignkey")
        batch_op.drop_column("organization_id")
    _restore_sessions()
    op.drop_table("organizations")


def _keep_sessions() -> None:
    # SQLite alters a table by making it anew, and dropping the old one ends the sessions that refer to it.
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE TEMPORARY TABLE kept_sessions AS SELECT * FROM sessions")


def _restore_sessions() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DELETE FROM sessions")
        op.execute("INSERT INTO sessions SELECT * FROM kept_sessions")
        op.execute("DROP TABLE kept_sessions")
