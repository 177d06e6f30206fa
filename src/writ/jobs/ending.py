"""The end of a job: the same in every case, and one transaction."""

from __future__ import annotations

import traceback

from sqlalchemy import update
from sqlalchemy.orm import Session
from writ_contract.events import JOB_CANCELLED, JOB_COMPLETED, JOB_FAILED

from writ.jobs.kinds import REGISTRY, view
from writ.jobs.ledger import LogLine, write_log
from writ.jobs.line import leave
from writ.jobs.models import CANCELLED, FAILED, PENDING, SUCCEEDED, Job, JobStep
from writ.jobs.telling import notify_of_failure, tell_job
from writ.jobs.transport import hand_over_next
from writ.store.base import now
from writ.store.work import after_commit

_EVENTS = {SUCCEEDED: JOB_COMPLETED, FAILED: JOB_FAILED, CANCELLED: JOB_CANCELLED}


def settle(session: Session, job: Job) -> None:
    """Do what belongs to the end of a job whose row has just got its final state in this unit of work.

    The steps that a cancelled job never began are cancelled, the kind's effects happen, others are told, the
    resources are released, and after the commit the next in line is handed over. An effect of success that
    raises makes the caller roll back; one of failure is logged, because the end of a failed job must not
    fail.
    """
    if job.status == CANCELLED:
        session.execute(
            update(JobStep)
            .where(JobStep.job_id == job.id, JobStep.status == PENDING)
            .values(status=CANCELLED)
            .execution_options(synchronize_session=False)
        )
    kind = REGISTRY.get(job.kind)
    if kind is not None and job.status == SUCCEEDED and kind.on_success is not None:
        kind.on_success(session, view(job))
    elif kind is not None and job.status != SUCCEEDED and kind.on_failure is not None:
        try:
            with session.begin_nested():
                kind.on_failure(session, view(job))
        except Exception:
            line = LogLine(
                now(), "error", None, "The effects of the failure failed:\n" + traceback.format_exc()
            )
            write_log(session, job.id, [line])
    tell_job(session, _EVENTS[job.status], job)
    if job.status == FAILED:
        notify_of_failure(session, job)
    leave(session, job.id, job.sequence)
    resources = list(job.locks)
    after_commit(session, lambda: hand_over_next(resources))
