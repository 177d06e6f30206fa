"""What people do to a job: cancel it, order it again."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from writ_contract.events import JOB_RETRIED

from writ.contract.errors import Refusal
from writ.gateway.sight import Sight
from writ.jobs.ending import settle
from writ.jobs.kinds import REGISTRY
from writ.jobs.ledger import LogLine, write_log
from writ.jobs.models import CANCELLED, FAILED, FINAL, QUEUED, Job
from writ.jobs.order import order
from writ.jobs.reading import not_found
from writ.jobs.telling import tell_job
from writ.store.base import now


def cancel_job(session: Session, sight: Sight, job_id: UUID) -> None:
    """Cancel a job: at once while it has never begun; else its worker stops it and undoes what was done.

    Asking twice is asking once.

    Raises:
        Refusal: JOB_NOT_FOUND, JOB_NOT_CANCELLABLE when it has ended.
    """
    job = _lock(session, sight, job_id)
    if job.status in FINAL:
        raise Refusal("JOB_NOT_CANCELLABLE", details={"status": job.status})
    moment = now()
    if job.cancel_requested_at is None:
        job.cancel_requested_at, job.version = moment, job.version + 1
    if job.status == QUEUED and job.attempt == 0:
        refusal = Refusal("JOB_CANCELLED")
        job.status, job.finished_at = CANCELLED, moment
        job.error_code, job.error_message = refusal.code, refusal.message
        session.flush()
        write_log(
            session, job_id, [LogLine(moment, "warning", None, "The job was cancelled before it began.")]
        )
        settle(session, job)
    session.flush()


def retry_job(session: Session, sight: Sight, job_id: UUID, *, created_by: UUID | None = None) -> UUID:
    """Order a failed or cancelled job again, by the rules of its system; returns the new job's id.

    The new job belongs to the organization of the old one. Who sees a job may have it done again as it was
    ordered, also with an upload that they would not see.

    Raises:
        Refusal: JOB_NOT_FOUND, JOB_NOT_RETRYABLE, or what the system's rules say.
    """
    job = _lock(session, sight, job_id)
    kind = REGISTRY.get(job.kind)
    if job.status not in (FAILED, CANCELLED) or kind is None:
        raise Refusal("JOB_NOT_RETRYABLE", details={"status": job.status})
    if kind.reorder is not None:
        new = kind.reorder(session, job)
    else:
        new = order(
            session,
            kind.name,
            organization_id=job.organization_id,
            locks=job.locks,
            parameters=job.parameters,
            site_id=job.site_id,
            environment_id=job.environment_id,
            backup_id=job.backup_id,
        )
    session.execute(update(Job).where(Job.id == new).values(retry_of=job_id, created_by=created_by))
    tell_job(session, JOB_RETRIED, session.scalars(select(Job).where(Job.id == new)).one())
    return new


def _lock(session: Session, sight: Sight, job_id: UUID) -> Job:
    """The job's row, locked: its worker waits with its next write until this unit of work is done."""
    seen = select(Job).where(Job.id == job_id, Job.organization_id == sight.organization_id)
    job = session.scalars(seen.with_for_update()).one_or_none()
    if job is None or not sight.shows(job.site_id):
        raise not_found(job_id)
    return job
