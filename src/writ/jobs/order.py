"""Ordering a job: its rows in the caller's unit of work, its hand-over after the commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, func, insert, select
from sqlalchemy.orm import Session

from writ.jobs.kinds import REGISTRY
from writ.jobs.models import PENDING, QUEUED, Job, JobLock, JobStep
from writ.jobs.transport import hand_over_if_first
from writ.store.base import DEFAULT_ORGANIZATION_ID, new_id, now
from writ.store.work import after_commit

# Built once, and on the tables themselves: the ORM's inserts take several times as long.
_JOBS, _STEPS, _LOCKS = (cast(Table, model.__table__) for model in (Job, JobStep, JobLock))
_INSERT_JOB = insert(_JOBS).returning(_JOBS.c.sequence)
_INSERT_STEPS = insert(_STEPS)
_INSERT_LOCKS = insert(_LOCKS)


def order(
    session: Session,
    kind_name: str,
    *,
    organization_id: UUID = DEFAULT_ORGANIZATION_ID,
    locks: Iterable[str] = (),
    parameters: Mapping[str, Any] | None = None,
    site_id: UUID | None = None,
    environment_id: UUID | None = None,
    backup_id: UUID | None = None,
    retry_of: UUID | None = None,
    created_by: UUID | None = None,
) -> UUID:
    """Order a job of a registered kind and return its id; nothing happens before the session's commit.

    `locks` names the resources that the job needs for itself, e.g. `environment:<id>`; jobs that share one
    run one at a time, in the order of their acceptance. On PostgreSQL the lines are locked until the
    commit, so a rule that also locks rows of its own does that before it orders, never after. A job that
    nobody asked for, of the system itself, belongs to the default organization.

    Raises KeyError for a kind that is not registered.
    """
    kind = REGISTRY[kind_name]
    resources = sorted(set(locks))
    if session.get_bind().dialect.name == "postgresql":
        # Numbers are given out before the commit. Only one order at a time may be between the two on one
        # resource, or a later number could be seen, and started, before an earlier one.
        for resource in resources:
            session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(resource, 0))))
    job_id, moment = new_id(), now()
    session.flush()
    connection = session.connection()
    sequence = connection.execute(
        _INSERT_JOB,
        {
            "id": job_id,
            "organization_id": organization_id,
            "system": kind.system,
            "kind": kind.name,
            "status": QUEUED,
            "site_id": site_id,
            "environment_id": environment_id,
            "backup_id": backup_id,
            "locks": resources,
            "parameters": dict(parameters or {}),
            "data": {},
            "retry_of": retry_of,
            "created_by": created_by,
            "created_at": moment,
            "handed_over_at": moment,
        },
    ).scalar_one()
    connection.execute(
        _INSERT_STEPS,
        [
            {"job_id": job_id, "position": position, "name": step.name, "status": PENDING}
            for position, step in enumerate(kind.steps)
        ],
    )
    if resources:
        connection.execute(_INSERT_LOCKS, [{"resource": name, "sequence": sequence} for name in resources])
    after_commit(session, lambda: hand_over_if_first(job_id))
    return job_id
