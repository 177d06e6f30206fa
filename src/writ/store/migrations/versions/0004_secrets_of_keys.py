"""secrets of keys"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import writ.store.base

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PER_HOUR = {"standard": 1000, "premium": 5000, "enterprise": 50000}


def upgrade() -> None:
    """Add the columns. Keys that are there get no secret, since nobody could be shown it."""
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.add_column(sa.Column("api_secret", sa.String(length=128), nullable=True))
        batch_op.add_column(sa.Column("previous_api_secret", sa.String(length=128), nullable=True))
        batch_op.add_column(sa.Column("rate_limits", writ.store.base.Json, nullable=True))
        batch_op.add_column(sa.Column("require_signature", sa.Boolean(), nullable=True))
    keys = sa.table(
        "api_keys",
        sa.column("key_type", sa.String()),
        sa.column("rate_limits", writ.store.base.Json),
        sa.column("rate_limit_per_hour", sa.Integer()),
        sa.column("require_signature", sa.Boolean()),
    )
    op.execute(
        keys.update().values(
            rate_limits={},
            require_signature=False,
            rate_limit_per_hour=sa.case(PER_HOUR, value=keys.c.key_type, else_=1000),
        )
    )
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.alter_column("rate_limits", existing_type=writ.store.base.Json, nullable=False)
        batch_op.alter_column("require_signature", existing_type=sa.Boolean(), nullable=False)


def downgrade() -> None:
    """Remove the columns; signed requests are refused no more."""
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.drop_column("require_signature")
        batch_op.drop_column("rate_limits")
        batch_op.drop_column("previous_api_secret")
        batch_op.drop_column("api_secret")
