"""What a runner writes about its job: fenced, so that it counts only while the attempt is still its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from writ.jobs.line import FIRST_IN_LINE
from writ.jobs.models import PENDING, QUEUED, RUNNING, Job, JobHold, JobLock, JobLog, JobStep
from writ.jobs.signals import LeaseLost
from writ.store.base import now
from writ.store.work import Store


@dataclass(slots=True)
class LogLine:
    """One line of the log, not yet written."""

    at: datetime
    level: str
    step: str | None
    message: str


def claim(store: Store, job_id: UUID, *, owner: str, lease_seconds: float) -> Job | None:
    """Take a queued job that is first in line: running, one attempt more, its resources held.

    Returns its row, or None when it is not queued any more, or has to wait: both are ordinary, since RQ may
    deliver a job twice or too early.
    """
    moment = now()
    try:
        with store.begin() as session:
            job = session.scalars(
                update(Job)
                .where(Job.id == job_id, Job.status == QUEUED, FIRST_IN_LINE)
                .values(
                    status=RUNNING,
                    attempt=Job.attempt + 1,
                    lease_owner=owner,
                    lease_expires_at=moment + timedelta(seconds=lease_seconds),
                    started_at=func.coalesce(Job.started_at, moment),
                    version=Job.version + 1,
                )
                .returning(Job)
                .execution_options(synchronize_session=False)
            ).one_or_none()
            if job is None:
                return None
            resources = session.scalars(
                select(JobLock.resource).where(JobLock.sequence == job.sequence).order_by(JobLock.resource)
            ).all()
            if resources:
                # Those of an earlier attempt of the same job: they were kept so that nobody overtakes it.
                session.execute(delete(JobHold).where(JobHold.job_id == job_id))
                session.execute(
                    insert(JobHold),
                    [{"resource": name, "job_id": job_id, "attempt": job.attempt} for name in resources],
                )
            session.expunge_all()
            return job
    except IntegrityError:
        return None


def fenced(session: Session, job_id: UUID, attempt: int, **values: Any) -> datetime | None:
    """Change the job's row, if this attempt still runs it; returns when its cancellation was asked for.

    The row stays locked until the commit, so nobody takes the job over in between. Raises LeaseLost.
    """
    row = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.attempt == attempt, Job.status == RUNNING)
        .values(values or {"attempt": attempt})
        .returning(Job.cancel_requested_at)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if row is None:
        raise LeaseLost
    return row[0]


def mark_step(session: Session, job_id: UUID, position: int, status: str) -> None:
    """Set a step's state; times follow from it."""
    values: dict[str, Any] = {"status": status}
    if status == RUNNING:
        values |= {"started_at": now(), "finished_at": None}
    elif status == PENDING:
        values |= {"started_at": None, "finished_at": None}
    else:
        values |= {"finished_at": now()}
    session.execute(
        update(JobStep)
        .where(JobStep.job_id == job_id, JobStep.position == position)
        .values(values)
        .execution_options(synchronize_session=False)
    )


def write_log(session: Session, job_id: UUID, lines: Sequence[LogLine]) -> None:
    """Append lines to the job's log.

    The unit of work has changed the job's row before, so nobody else counts its lines meanwhile.
    """
    if not lines:
        return
    last = session.scalar(select(func.max(JobLog.sequence)).where(JobLog.job_id == job_id)) or 0
    session.execute(
        insert(JobLog),
        [
            {
                "job_id": job_id,
                "sequence": sequence,
                "at": line.at,
                "level": line.level,
                "step": line.step,
                "message": line.message,
            }
            for sequence, line in enumerate(lines, last + 1)
        ],
    )
