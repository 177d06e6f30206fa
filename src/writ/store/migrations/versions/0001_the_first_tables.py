"""the first tables"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import writ.store.base

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "jobs",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("system", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("environment_id", sa.Uuid(), nullable=True),
        sa.Column("backup_id", sa.Uuid(), nullable=True),
        sa.Column("locks", writ.store.base.Json, nullable=False),
        sa.Column("parameters", writ.store.base.Json, nullable=False),
        sa.Column("data", writ.store.base.Json, nullable=False),
        sa.Column("result", writ.store.base.Json, nullable=True),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("ending", sa.String(length=12), nullable=True),
        sa.Column("error_code", sa.String(length=60), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("retry_of", sa.Uuid(), nullable=True),
        sa.Column("cancel_requested_at", writ.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(length=120), nullable=True),
        sa.Column("lease_expires_at", writ.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("handed_over_at", writ.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("started_at", writ.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("finished_at", writ.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')",
            name=op.f("ck_jobs_status_known"),
        ),
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name=op.f("ck_jobs_progress_percent")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_jobs")),
        sa.UniqueConstraint("id", name=op.f("uq_jobs_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index("ix_jobs_environment_id_sequence", ["environment_id", "sequence"], unique=False)
        batch_op.create_index(
            "ix_jobs_leased",
            ["lease_expires_at"],
            unique=False,
            sqlite_where=sa.text("status = 'running'"),
            postgresql_where=sa.text("status = 'running'"),
        )
        batch_op.create_index("ix_jobs_site_id_sequence", ["site_id", "sequence"], unique=False)
        batch_op.create_index("ix_jobs_system_kind_sequence", ["system", "kind", "sequence"], unique=False)
        batch_op.create_index("ix_jobs_system_sequence", ["system", "sequence"], unique=False)
        batch_op.create_index(
            "ix_jobs_system_status_sequence", ["system", "status", "sequence"], unique=False
        )
        batch_op.create_index(
            "ix_jobs_waiting",
            ["handed_over_at"],
            unique=False,
            sqlite_where=sa.text("status = 'queued'"),
            postgresql_where=sa.text("status = 'queued'"),
        )

    op.create_table(
        "login_attempts",
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("first_at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("blocked_until", writ.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_login_attempts")),
    )
    with op.batch_alter_table("login_attempts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_login_attempts_last_at"), ["last_at"], unique=False)

    op.create_table(
        "nodes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("driver", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nodes")),
        sa.UniqueConstraint("name", name=op.f("uq_nodes_name")),
    )
    with op.batch_alter_table("nodes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_nodes_status"), ["status"], unique=False)

    op.create_table(
        "sites",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("slug", sa.String(length=63), nullable=False),
        sa.Column("repository_url", sa.String(length=2048), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sites")),
        sa.UniqueConstraint("slug", name=op.f("uq_sites_slug")),
    )
    with op.batch_alter_table("sites", schema=None) as batch_op:
        batch_op.create_index("ix_sites_created_at_id", ["created_at", "id"], unique=False)
        batch_op.create_index("ix_sites_status_created_at_id", ["status", "created_at", "id"], unique=False)
        batch_op.create_index("ix_sites_status_slug", ["status", "slug"], unique=False)

    op.create_table(
        "uploads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    with op.batch_alter_table("uploads", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_uploads_created_at"), ["created_at"], unique=False)

    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("created_at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("role IN ('owner')", name=op.f("ck_users_role_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "environments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("slug", sa.String(length=63), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("hostname", sa.String(length=253), nullable=False),
        sa.Column("current_release_id", sa.Uuid(), nullable=True),
        sa.Column("source_environment_id", sa.Uuid(), nullable=True),
        sa.Column("promotion_preset", sa.String(length=16), nullable=True),
        sa.Column("fastcgi_cache_enabled", sa.Boolean(), nullable=False),
        sa.Column("redis_cache_enabled", sa.Boolean(), nullable=False),
        sa.Column("drift_status", sa.String(length=16), nullable=False),
        sa.Column("drift_checked_at", writ.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["node_id"], ["nodes.id"], name=op.f("fk_environments_node_id")),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_environments_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_environments")),
        sa.UniqueConstraint("hostname", name=op.f("uq_environments_hostname")),
        sa.UniqueConstraint("site_id", "slug", name=op.f("uq_environments_site_id_slug")),
    )
    with op.batch_alter_table("environments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_environments_node_id"), ["node_id"], unique=False)
        batch_op.create_index(
            "ix_environments_site_id_created_at_id", ["site_id", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_environments_site_id_status", ["site_id", "status", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_environments_site_id_type", ["site_id", "type", "created_at", "id"], unique=False
        )

    op.create_table(
        "job_holds",
        sa.Column("resource", sa.String(length=120), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_job_holds_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource", name=op.f("pk_job_holds")),
    )
    with op.batch_alter_table("job_holds", schema=None) as batch_op:
        batch_op.create_index("ix_job_holds_job_id", ["job_id"], unique=False)

    op.create_table(
        "job_locks",
        sa.Column("resource", sa.String(length=120), nullable=False),
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["sequence"], ["jobs.sequence"], name=op.f("fk_job_locks_sequence"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource", "sequence", name=op.f("pk_job_locks")),
    )
    with op.batch_alter_table("job_locks", schema=None) as batch_op:
        batch_op.create_index("ix_job_locks_sequence", ["sequence"], unique=False)

    op.create_table(
        "job_log",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("level", sa.String(length=8), nullable=False),
        sa.Column("step", sa.String(length=60), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_log_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "sequence", name=op.f("pk_job_log")),
    )
    op.create_table(
        "job_steps",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("started_at", writ.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("finished_at", writ.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_job_steps_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "position", name=op.f("pk_job_steps")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", writ.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("user_agent", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_sessions_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sessions_token_hash")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sessions_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_sessions_user_id"), ["user_id"], unique=False)

    op.create_table(
        "backups",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("environment_id", sa.Uuid(), nullable=False),
        sa.Column("backup_scope", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("verified_at", writ.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environments.id"], name=op.f("fk_backups_environment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backups")),
    )
    with op.batch_alter_table("backups", schema=None) as batch_op:
        batch_op.create_index(
            "ix_backups_environment_id_created_at_id", ["environment_id", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_backups_environment_id_scope",
            ["environment_id", "backup_scope", "created_at", "id"],
            unique=False,
        )
        batch_op.create_index(
            "ix_backups_environment_id_status", ["environment_id", "status", "created_at", "id"], unique=False
        )

    op.create_table(
        "domains",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("environment_id", sa.Uuid(), nullable=False),
        sa.Column("hostname", sa.String(length=253), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environments.id"], name=op.f("fk_domains_environment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_domains")),
        sa.UniqueConstraint("hostname", name=op.f("uq_domains_hostname")),
    )
    with op.batch_alter_table("domains", schema=None) as batch_op:
        batch_op.create_index(
            "ix_domains_environment_id_created_at_id", ["environment_id", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_domains_environment_id_status", ["environment_id", "status", "created_at", "id"], unique=False
        )

    op.create_table(
        "releases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("environment_id", sa.Uuid(), nullable=False),
        sa.Column("source_type", sa.String(length=16), nullable=False),
        sa.Column("source_ref", sa.String(length=4096), nullable=True),
        sa.Column("commit", sa.String(length=64), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("file_count", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("on_disk", sa.Boolean(), server_default=sa.text("(true)"), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", writ.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("activated_at", writ.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environments.id"], name=op.f("fk_releases_environment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_releases")),
    )
    with op.batch_alter_table("releases", schema=None) as batch_op:
        batch_op.create_index(
            "ix_releases_environment_id_created_at_id", ["environment_id", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_releases_environment_id_status",
            ["environment_id", "status", "created_at", "id"],
            unique=False,
        )


def downgrade() -> None:
    """Drop them."""
    with op.batch_alter_table("releases", schema=None) as batch_op:
        batch_op.drop_index("ix_releases_environment_id_status")
        batch_op.drop_index("ix_releases_environment_id_created_at_id")

    op.drop_table("releases")
    with op.batch_alter_table("domains", schema=None) as batch_op:
        batch_op.drop_index("ix_domains_environment_id_status")
        batch_op.drop_index("ix_domains_environment_id_created_at_id")

    op.drop_table("domains")
    with op.batch_alter_table("backups", schema=None) as batch_op:
        batch_op.drop_index("ix_backups_environment_id_status")
        batch_op.drop_index("ix_backups_environment_id_scope")
        batch_op.drop_index("ix_backups_environment_id_created_at_id")

    op.drop_table("backups")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sessions_user_id"))
        batch_op.drop_index(batch_op.f("ix_sessions_expires_at"))

    op.drop_table("sessions")
    op.drop_table("job_steps")
    op.drop_table("job_log")
    with op.batch_alter_table("job_locks", schema=None) as batch_op:
        batch_op.drop_index("ix_job_locks_sequence")

    op.drop_table("job_locks")
    with op.batch_alter_table("job_holds", schema=None) as batch_op:
        batch_op.drop_index("ix_job_holds_job_id")

    op.drop_table("job_holds")
    with op.batch_alter_table("environments", schema=None) as batch_op:
        batch_op.drop_index("ix_environments_site_id_type")
        batch_op.drop_index("ix_environments_site_id_status")
        batch_op.drop_index("ix_environments_site_id_created_at_id")
        batch_op.drop_index(batch_op.f("ix_environments_node_id"))

    op.drop_table("environments")
    op.drop_table("users")
    with op.batch_alter_table("uploads", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_uploads_created_at"))

    op.drop_table("uploads")
    with op.batch_alter_table("sites", schema=None) as batch_op:
        batch_op.drop_index("ix_sites_status_slug")
        batch_op.drop_index("ix_sites_status_created_at_id")
        batch_op.drop_index("ix_sites_created_at_id")

    op.drop_table("sites")
    with op.batch_alter_table("nodes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_nodes_status"))

    op.drop_table("nodes")
    with op.batch_alter_table("login_attempts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_login_attempts_last_at"))

    op.drop_table("login_attempts")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_jobs_waiting",
            sqlite_where=sa.text("status = 'queued'"),
            postgresql_where=sa.text("status = 'queued'"),
        )
        batch_op.drop_index("ix_jobs_system_status_sequence")
        batch_op.drop_index("ix_jobs_system_sequence")
        batch_op.drop_index("ix_jobs_system_kind_sequence")
        batch_op.drop_index("ix_jobs_site_id_sequence")
        batch_op.drop_index(
            "ix_jobs_leased",
            sqlite_where=sa.text("status = 'running'"),
            postgresql_where=sa.text("status = 'running'"),
        )
        batch_op.drop_index("ix_jobs_environment_id_sequence")

    op.drop_table("jobs")
