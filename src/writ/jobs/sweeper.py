"""The sweeper: hands over what a crash kept back, and takes lost jobs from dead workers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from redis import Redis
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from writ.contract.errors import Refusal
from writ.jobs import transport
from writ.jobs.ending import settle
from writ.jobs.kinds import REGISTRY
from writ.jobs.ledger import LogLine, write_log
from writ.jobs.line import FIRST_IN_LINE
from writ.jobs.models import FAILED, QUEUED, RUNNING, Job
from writ.settings import Settings
from writ.store.base import now
from writ.store.work import Store

log = structlog.get_logger(__name__)

GRACE_SECONDS = 3.0
BATCH = 500


@dataclass(slots=True)
class SweepReport:
    """What one sweep did, in numbers of jobs."""

    recovered: int = 0
    handed_over: int = 0
    unknown: int = 0


def sweep(store: Store, redis: Redis, settings: Settings) -> SweepReport:
    """Look over the unfinished jobs once. Sweepers on several machines may do so at the same time.

    Raises SQLAlchemyError or RedisError when the database or Redis is away: sweep again later.
    """
    report = SweepReport()
    recover_lost(store, report)
    fail_unknown(store, report)
    hand_over_waiting(store, redis, report)
    if report != SweepReport():
        log.info("swept", recovered=report.recovered, handed_over=report.handed_over, unknown=report.unknown)
    return report


def recover_lost(store: Store, report: SweepReport) -> None:
    """Queue the jobs again whose lease is over. They keep what they hold, so that nobody overtakes them."""
    with store.read() as connection:
        found = connection.execute(
            select(Job.id, Job.attempt, Job.lease_owner)
            .where(Job.status == RUNNING, Job.lease_expires_at < now())
            .order_by(Job.lease_expires_at)
            .limit(BATCH)
        ).all()
    for job_id, attempt, owner in found:
        with store.begin() as session:
            if not _lock(session, job_id):
                continue
            taken = session.execute(
                update(Job)
                .where(
                    Job.id == job_id,
                    Job.status == RUNNING,
                    Job.attempt == attempt,
                    Job.lease_expires_at < now(),
                )
                .values(
                    status=QUEUED,
                    lease_owner=None,
                    lease_expires_at=None,
                    handed_over_at=None,
                    losses=Job.losses + 1,
                    version=Job.version + 1,
                )
                .returning(Job.id)
                .execution_options(synchronize_session=False)
            ).one_or_none()
            if taken is not None:
                message = f"The worker {owner} was lost in attempt {attempt}; the job goes back to the queue."
                write_log(session, job_id, [LogLine(now(), "warning", None, message)])
                report.recovered += 1


def fail_unknown(store: Store, report: SweepReport) -> None:
    """Fail the queued jobs of kinds that this version does not know; nobody could ever run them."""
    if not REGISTRY:
        return
    with store.read() as connection:
        found = connection.execute(
            select(Job.id)
            .where(Job.status == QUEUED, Job.kind.not_in(sorted(REGISTRY)), FIRST_IN_LINE)
            .limit(BATCH)
        ).scalars()
        unknown = list(found)
    for job_id in unknown:
        with store.begin() as session:
            job = session.scalars(
                select(Job).where(Job.id == job_id, Job.status == QUEUED).with_for_update(skip_locked=True)
            ).one_or_none()
            if job is None:
                continue
            refusal = Refusal("INTERNAL_ERROR", f"This version does not know jobs of the kind {job.kind}.")
            job.status, job.finished_at, job.version = FAILED, now(), job.version + 1
            job.error_code, job.error_message = refusal.code, refusal.message
            session.flush()
            write_log(session, job_id, [LogLine(now(), "error", None, refusal.message)])
            settle(session, job)
            report.unknown += 1


def hand_over_waiting(store: Store, redis: Redis, report: SweepReport) -> None:
    """Hand over the queued jobs that are first in line and that RQ does not know, or knows no more."""
    moment = now()
    with store.read() as connection:
        found = connection.execute(
            select(Job.id, Job.attempt, Job.handed_over_at)
            .where(
                Job.status == QUEUED,
                or_(
                    Job.handed_over_at.is_(None),
                    Job.handed_over_at < moment - timedelta(seconds=GRACE_SECONDS),
                ),
                FIRST_IN_LINE,
            )
            .order_by(Job.handed_over_at)
            .limit(BATCH)
        ).all()
    if not found:
        return
    known = transport.waiting(redis) if any(row.handed_over_at is not None for row in found) else set()
    missing = [(row.id, row.attempt) for row in found if str(row.id) not in known]
    if missing:
        transport.push(redis, missing, again=True)
        report.handed_over += len(missing)
    with store.begin() as session:
        # Looked at now: the next sweeps leave them alone for a while, wherever they run.
        session.execute(
            update(Job)
            .where(Job.id.in_([row.id for row in found]), Job.status == QUEUED)
            .values(handed_over_at=moment)
            .execution_options(synchronize_session=False)
        )


def _lock(session: Session, job_id: UUID) -> bool:
    """Lock a job's row, unless another transaction has it: a frozen process must not freeze the sweeper."""
    query = select(Job.id).where(Job.id == job_id).with_for_update(skip_locked=True)
    return session.execute(query).first() is not None
