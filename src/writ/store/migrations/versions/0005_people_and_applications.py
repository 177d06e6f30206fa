"""people and applications"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None

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


def downgrade() -> None:
    """Remove the tables; users who are not owners cannot be kept."""
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
