"""The line for a resource: who is first, and who comes next."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, bindparam, delete, exists, select
from sqlalchemy.orm import Session, aliased

from writ.jobs.models import QUEUED, Job, JobHold, JobLock
from writ.store.prepared import Prepared


def _first_in_line() -> ColumnElement[bool]:
    mine, earlier = aliased(JobLock), aliased(JobLock)
    return ~exists().where(
        mine.sequence == Job.sequence,
        earlier.resource == mine.resource,
        earlier.sequence < mine.sequence,
    )


FIRST_IN_LINE = _first_in_line()
"""The condition that no unfinished job accepted before this `Job` needs one of its resources."""


_IF_FIRST = Prepared(select(Job.id).where(Job.id == bindparam("id"), Job.status == QUEUED, FIRST_IN_LINE))


def is_first(connection: Connection, job_id: UUID) -> bool:
    """Whether the job is queued and may start as far as the line is concerned."""
    return _IF_FIRST.first(connection, {"id": job_id}) is not None


def next_in_line(connection: Connection, resources: Iterable[str]) -> list[tuple[UUID, int]]:
    """Id and attempt of the queued jobs that wait for one of these resources and are first in line now."""
    names = list(resources)
    if not names:
        return []
    # Reading the head of each line is one index probe a resource, however long the lines are.
    found: dict[UUID, int] = {}
    for name in names:
        head = select(JobLock.sequence).where(JobLock.resource == name).order_by(JobLock.sequence).limit(1)
        row = connection.execute(
            select(Job.id, Job.attempt).where(
                Job.sequence == head.scalar_subquery(), Job.status == QUEUED, FIRST_IN_LINE
            )
        ).first()
        if row is not None:
            found[row.id] = row.attempt
    return list(found.items())


def leave(session: Session, job_id: UUID, sequence: int) -> None:
    """Give up the job's places in line and what it holds: part of the transaction that ends it."""
    session.execute(delete(JobLock).where(JobLock.sequence == sequence))
    session.execute(delete(JobHold).where(JobHold.job_id == job_id))
