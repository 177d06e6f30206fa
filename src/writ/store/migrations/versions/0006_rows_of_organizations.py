"""rows of organizations"""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

DEFAULT = UUID(int=1)

SITES = {
    "ix_sites_organization_id_created_at_id": ["organization_id", "created_at", "id"],
    "ix_sites_organization_id_slug": ["organization_id", "slug"],
    "ix_sites_organization_id_status": ["organization_id", "status", "created_at", "id"],
    "ix_sites_organization_id_status_slug": ["organization_id", "status", "slug"],
}
SITES_BEFORE = {
    "ix_sites_created_at_id": ["created_at", "id"],
    "ix_sites_status_created_at_id": ["status", "created_at", "id"],
    "ix_sites_status_slug": ["status", "slug"],
}
JOBS = {
    "ix_jobs_organization_id_sequence": ["organization_id", "system", "sequence"],
    "ix_jobs_organization_id_status": ["organization_id", "system", "status", "sequence"],
    "ix_jobs_organization_id_kind": ["organization_id", "system", "kind", "sequence"],
}
JOBS_BEFORE = {
    "ix_jobs_system_sequence": ["system", "sequence"],
    "ix_jobs_system_status_sequence": ["system", "status", "sequence"],
    "ix_jobs_system_kind_sequence": ["system", "kind", "sequence"],
}


def upgrade() -> None:
    """Put every site, job and upload into the default organization, and index them by organization."""
    _replace_indexes("sites", SITES_BEFORE, {})
    for table in ("sites", "uploads"):
        with op.batch_alter_table(table) as batch_op:
            batch_op.add_column(_column())
            batch_op.create_foreign_key(
                op.f(f"fk_{table}_organization_id"), "organizations", ["organization_id"], ["id"]
            )
            if table == "uploads":
                batch_op.add_column(sa.Column("key_id", sa.Uuid(), nullable=True))
        # It was there for the rows of before; from now on, who makes a row says whose it is.
        with op.batch_alter_table(table) as batch_op:
            batch_op.alter_column("organization_id", existing_type=sa.Uuid(), server_default=None)
    _replace_indexes("sites", {}, SITES)
    # The longest table. A column with a constant default is added without writing it anew.
    op.add_column("jobs", _column())
    _replace_indexes("jobs", JOBS_BEFORE, JOBS)


def downgrade() -> None:
    """Forget whose the rows are."""
    _replace_indexes("jobs", JOBS, JOBS_BEFORE)
    op.drop_column("jobs", "organization_id")
    _replace_indexes("sites", SITES, {})
    for table in ("uploads", "sites"):
        with op.batch_alter_table(table) as batch_op:
            batch_op.drop_constraint(op.f(f"fk_{table}_organization_id"), type_="foreignkey")
            batch_op.drop_column("organization_id")
            if table == "uploads":
                batch_op.drop_column("key_id")
    _replace_indexes("sites", {}, SITES_BEFORE)


def _column() -> sa.Column[UUID]:
    return sa.Column("organization_id", sa.Uuid(), nullable=False, server_default=DEFAULT.hex)


def _replace_indexes(table: str, before: dict[str, list[str]], after: dict[str, list[str]]) -> None:
    for name in before:
        op.drop_index(name, table)
    for name, columns in after.items():
        op.create_index(name, table, columns)
