"""Tables of jobs: the orders, their steps, their log, their place in line, and who holds what now."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, Text, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from writ.store.base import DEFAULT_ORGANIZATION_ID, Base, Json, UtcDateTime, new_id, now

QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED = "queued", "running", "succeeded", "failed", "cancelled"
PENDING, UNDONE = "pending", "undone"
STATUSES = (QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED)
FINAL = (SUCCEEDED, FAILED, CANCELLED)
STEP_STATUSES = (PENDING, RUNNING, SUCCEEDED, FAILED, UNDONE, CANCELLED)

# SQLite numbers rows by itself only where the key's type is exactly INTEGER.
Sequence = BigInteger().with_variant(Integer, "sqlite")


class Job(Base):
    """One order. `sequence` is the order of acceptance; `attempt` is the fencing token of whoever runs it."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(f"status IN {STATUSES}", name="status_known"),
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress_percent"),
        Index("ix_jobs_organization_id_sequence", "organization_id", "system", "sequence"),
        Index("ix_jobs_organization_id_status", "organization_id", "system", "status", "sequence"),
        Index("ix_jobs_organization_id_kind", "organization_id", "system", "kind", "sequence"),
        Index("ix_jobs_site_id_sequence", "site_id", "sequence"),
        Index("ix_jobs_environment_id_sequence", "environment_id", "sequence"),
        # The sweeper looks every second at the few unfinished jobs, however many finished ones there are.
        Index(
            "ix_jobs_waiting",
            "handed_over_at",
            sqlite_where=text("status = 'queued'"),
            postgresql_where=text("status = 'queued'"),
        ),
        Index(
            "ix_jobs_leased",
            "lease_expires_at",
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
        {"sqlite_autoincrement": True},
    )

    sequence: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=True)
    id: Mapped[UUID] = mapped_column(Uuid, unique=True, default=new_id)
    # Without a foreign key, as all that a job names: it is the record of what happened, and outlives it.
    organization_id: Mapped[UUID] = mapped_column(
        Uuid, default=DEFAULT_ORGANIZATION_ID, server_default=DEFAULT_ORGANIZATION_ID.hex
    )
    system: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(60))
    status: Mapped[str] = mapped_column(String(12), default=QUEUED)
    site_id: Mapped[UUID | None] = mapped_column(Uuid)
    environment_id: Mapped[UUID | None] = mapped_column(Uuid)
    backup_id: Mapped[UUID | None] = mapped_column(Uuid)
    locks: Mapped[list[Any]] = mapped_column(Json, default=list)
    parameters: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    data: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    result: Mapped[dict[str, Any] | None] = mapped_column(Json)
    progress: Mapped[int] = mapped_column(Integer, default=0)
    # Set when it is decided that the job fails or is cancelled, before its steps are undone: a worker that
    # takes over in the middle of undoing goes on undoing.
    ending: Mapped[str | None] = mapped_column(String(12))
    error_code: Mapped[str | None] = mapped_column(String(60))
    error_message: Mapped[str | None] = mapped_column(Text)
    retry_of: Mapped[UUID | None] = mapped_column(Uuid)
    cancel_requested_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    losses: Mapped[int] = mapped_column(Integer, default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(120))
    lease_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # When it was last handed to RQ, or was about to be.
    handed_over_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_by: Mapped[UUID | None] = mapped_column(Uuid)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)


class JobStep(Base):
    """One named step of a job, in the order of `position`."""

    __tablename__ = "job_steps"

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(60))
    status: Mapped[str] = mapped_column(String(12), default=PENDING)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class JobLog(Base):
    """One line of a job's log; `sequence` counts the lines of one job from 1."""

    __tablename__ = "job_log"

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    sequence: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    level: Mapped[str] = mapped_column(String(8))
    step: Mapped[str | None] = mapped_column(String(60))
    message: Mapped[str] = mapped_column(Text)


class JobLock(Base):
    """An unfinished job's place in line for one resource; removed when the job reaches its final state."""

    __tablename__ = "job_locks"
    __table_args__ = (Index("ix_job_locks_sequence", "sequence"),)

    resource: Mapped[str] = mapped_column(String(120), primary_key=True)
    sequence: Mapped[int] = mapped_column(
        Sequence, ForeignKey("jobs.sequence", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


class JobHold(Base):
    """Who holds a resource now. The primary key is what makes two holders impossible."""

    __tablename__ = "job_holds"
    __table_args__ = (Index("ix_job_holds_job_id", "job_id"),)

    resource: Mapped[str] = mapped_column(String(120), primary_key=True)
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    attempt: Mapped[int] = mapped_column(Integer)
