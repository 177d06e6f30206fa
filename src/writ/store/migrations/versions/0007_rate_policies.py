"""rate policies and the hours of keys"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import writ.store.base

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "rate_policies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=20), nullable=False),
        sa.Column("surface", sa.String(length=20), nullable=False),
        sa.Column("rate_class", sa.String(length=20), nullable=False),
        sa.Column("tier", sa.String(length=20), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("window_seconds", sa.Integer(), nullable=False),
        sa.Column("burst", sa.Integer(), nullable=True),
        sa.Column("scales_to", sa.Integer(), nullable=True),
        sa.Column("description", sa.String(length=1000), nullable=True),
        sa.Column("created_at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_rate_policies_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rate_policies")),
        sa.UniqueConstraint(
            "organization_id",
            "subject",
            "surface",
            "rate_class",
            "tier",
            "window_seconds",
            name="uq_rate_policies_place",
        ),
    )
    op.create_index(
        "ix_rate_policies_organization_id_created_at_id",
        "rate_policies",
        ["organization_id", "created_at", "id"],
    )
    op.create_table(
        "api_rate_limits",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("api_key_id", sa.Uuid(), nullable=False),
        sa.Column("window_start", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("request_count", sa.Integer(), nullable=False),
        sa.Column("created_at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["api_key_id"], ["api_keys.id"], name=op.f("fk_api_rate_limits_api_key_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_rate_limits")),
        sa.UniqueConstraint("api_key_id", "window_start", name="uq_api_rate_limits_api_key_id_window_start"),
    )


def downgrade() -> None:
    """Remove the tables."""
    op.drop_table("api_rate_limits")
    op.drop_table("rate_policies")
