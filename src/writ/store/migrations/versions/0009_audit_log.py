"""the audit log, its seals, and usage"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import writ.store.base

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_Uuid = writ.store.base.SmallUuid
_Time = writ.store.base.UtcDateTime(timezone=True)
_OF_KEY = "api_key_id IS NOT NULL"
_UNUSUAL = "status_code <> 200"
_INDEXES: tuple[tuple[str, list[str], str | None], ...] = (
    ("organization", ["organization_id", "id"], None),
    ("key", ["api_key_id", "id"], _OF_KEY),
    ("user", ["user_id", "id"], "user_id IS NOT NULL"),
    ("operation", ["organization_id", "operation_id", "id"], None),
    ("endpoint", ["organization_id", "endpoint", "id"], None),
    ("status", ["organization_id", "status_code", "id"], None),
    ("method", ["organization_id", "method", "id"], None),
    ("key_operation", ["api_key_id", "operation_id", "id"], _OF_KEY),
    ("key_endpoint", ["api_key_id", "endpoint", "id"], _OF_KEY),
    ("key_status", ["api_key_id", "status_code", "id"], f"{_OF_KEY} AND {_UNUSUAL}"),
    ("operation_status", ["organization_id", "operation_id", "status_code", "id"], _UNUSUAL),
    ("endpoint_status", ["organization_id", "endpoint", "status_code", "id"], _UNUSUAL),
    ("seal", ["seal"], None),
)

# The log of the calls that came with a key, by the names that its readers know.
_VIEW = """
CREATE VIEW api_usage_logs AS
SELECT id, api_key_id, endpoint, method, status_code,
       (response_time_us + 500) / 1000 AS response_time_ms,
       request_size_bytes, response_size_bytes, user_agent, {address} AS ip_address,
       'req_' || {hex} AS request_id, timestamp
FROM api_audit_log
WHERE api_key_id IS NOT NULL
"""


def upgrade() -> None:
    """Make the tables and the view."""
    op.create_table(
        "api_audit_log",
        sa.Column("id", _Uuid(), nullable=False),
        sa.Column("timestamp", _Time, nullable=False),
        sa.Column("organization_id", _Uuid(), nullable=False),
        sa.Column("api_key_id", _Uuid(), nullable=True),
        sa.Column("user_id", _Uuid(), nullable=True),
        sa.Column("application_id", _Uuid(), nullable=True),
        sa.Column("actor_kind", sa.String(length=20), nullable=True),
        sa.Column("operation_id", sa.String(length=100), nullable=True),
        sa.Column("endpoint", sa.String(length=255), nullable=False),
        sa.Column("method", sa.String(length=10), nullable=False),
        sa.Column("path", sa.String(length=2000), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=True),
        sa.Column("status_code", sa.SmallInteger(), nullable=False),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("response_time_us", sa.BigInteger(), nullable=False),
        sa.Column("request_size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("response_size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("ip_address", sa.String(length=45), nullable=False),
        sa.Column("user_agent", sa.String(length=200), nullable=False),
        sa.Column("seal", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_audit_log")),
    )
    for name, columns, where in _INDEXES:
        condition = None if where is None else sa.text(where)
        op.create_index(
            f"ix_api_audit_log_{name}",
            "api_audit_log",
            columns,
            sqlite_where=condition,
            postgresql_where=condition,
        )
    op.create_table(
        "audit_pending",
        sa.Column("id", _Uuid(), nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_pending")),
    )
    op.create_table(
        "audit_journals",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", _Time, nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_audit_journals")),
    )
    op.create_table(
        "audit_seals",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed_at", _Time, nullable=False),
        sa.Column("pruned_at", _Time, nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_seals")),
    )
    kept = sa.text("pruned_at IS NULL")
    op.create_index(
        "ix_audit_seals_kept", "audit_seals", ["number"], sqlite_where=kept, postgresql_where=kept
    )
    op.create_table(
        "api_usage_hours",
        sa.Column("organization_id", _Uuid(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("api_key_id", _Uuid(), nullable=False),
        sa.Column("operation_id", sa.String(length=100), nullable=False),
        sa.Column("endpoint", sa.String(length=255), nullable=False),
        sa.Column("method", sa.String(length=10), nullable=False),
        sa.Column("status_code", sa.SmallInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("microseconds", sa.BigInteger(), nullable=False),
        sa.Column("request_bytes", sa.BigInteger(), nullable=False),
        sa.Column("response_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id",
            "hour",
            "api_key_id",
            "operation_id",
            "endpoint",
            "method",
            "status_code",
            name=op.f("pk_api_usage_hours"),
        ),
    )
    op.create_index("ix_api_usage_hours_api_key_id_hour", "api_usage_hours", ["api_key_id", "hour"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute(_VIEW.format(hex="lower(hex(id))", address="ip_address"))
    else:
        # An address that is none, as of a Unix socket, is an empty text.
        address = "CAST(NULLIF(ip_address, '') AS inet)"
        op.execute(_VIEW.format(hex="replace(CAST(id AS text), '-', '')", address=address))


def downgrade() -> None:
    """Remove the tables and the view."""
    op.execute("DROP VIEW api_usage_logs")
    for name in ("api_usage_hours", "audit_seals", "audit_journals", "audit_pending", "api_audit_log"):
        op.drop_table(name)
