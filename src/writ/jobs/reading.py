"""Reads that only answer: jobs and their logs, as the contract's schemas name their fields."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.orm import Session

from writ.contract.errors import Refusal
from writ.gateway.sight import Sight
from writ.jobs.models import Job, JobLog, JobStep
from writ.store.paging import Order, Page, equals, read_page
from writ.store.prepared import Prepared

SYSTEM = "hosting"

_JOB = select(
    Job.id,
    Job.kind,
    Job.status,
    Job.site_id,
    Job.environment_id,
    Job.backup_id,
    Job.retry_of,
    Job.cancel_requested_at,
    Job.error_code,
    Job.error_message,
    Job.progress,
    Job.result,
    Job.created_at,
    Job.started_at,
    Job.finished_at,
    Job.sequence,
    Job.version,
)
_SEEN = (Job.id == bindparam("id"), Job.organization_id == bindparam("organization_id"))
_ONE_JOB = Prepared(_JOB.where(*_SEEN))
_SITE_OF = Prepared(select(Job.site_id).where(*_SEEN))
_SHOWN_JOB = _JOB.where(Job.id == bindparam("id"))
_STEPS = select(
    JobStep.job_id, JobStep.name, JobStep.status, JobStep.started_at, JobStep.finished_at
).order_by(JobStep.job_id, JobStep.position)
_SHOWN_STEPS = _STEPS.where(JobStep.job_id == bindparam("id"))
_STEP_FIELDS = ("name", "status", "started_at", "finished_at")
_LOG = select(JobLog.sequence, JobLog.at, JobLog.level, JobLog.step, JobLog.message)
_LOG_AFTER = (
    _LOG.where(JobLog.job_id == bindparam("id"), JobLog.sequence > bindparam("after"))
    .order_by(JobLog.sequence)
    .limit(bindparam("limit"))
)
# The number of acceptance is the key of both sorts: it grows with the time of creation, and no two share one.
_JOB_ORDERS = {"-created_at": Order((Job.sequence,), True), "created_at": Order((Job.sequence,), False)}
_LOG_ORDERS = {"sequence": Order((JobLog.sequence,), False)}


def list_jobs(connection: Connection, sight: Sight, query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the jobs in sight; `query` as the contract's parameters name them.

    Raises:
        Refusal: CURSOR_INVALID.
    """
    filters = equals(query, {"status": Job.status, "kind": Job.kind, "environment_id": Job.environment_id})
    filters[Job.organization_id] = sight.organization_id
    sites = sight.sites(query.get("site_id"))
    if sites is None and query.get("environment_id") is None:
        # With an id, the system follows from it, and naming it too could lead the database to a worse index.
        filters[Job.system] = SYSTEM
    among = None if sites is None else (Job.site_id, sites)
    page = read_page(connection, _JOB, _JOB_ORDERS, query, filters, among)
    return Page(_with_steps(connection, page.data), page.limit, page.next_cursor).as_json()


def get_job(connection: Connection, sight: Sight, job_id: UUID) -> dict[str, Any]:
    """The job as the contract shows it.

    Raises:
        Refusal: JOB_NOT_FOUND.
    """
    return read_job(connection, sight, job_id)[0]


def read_job(connection: Connection, sight: Sight, job_id: UUID) -> tuple[dict[str, Any], int]:
    """The job as the contract shows it, and its version, which grows with every change.

    Raises:
        Refusal: JOB_NOT_FOUND.
    """
    rows = _ONE_JOB.dicts(connection, {"id": job_id, "organization_id": sight.organization_id})
    if not rows or not sight.shows(rows[0]["site_id"]):
        raise not_found(job_id)
    version: int = rows[0]["version"]
    return _with_steps(connection, rows)[0], version


def show_job(session: Session, job_id: UUID) -> dict[str, Any]:
    """The job as `get_job` shows it, as it is in a unit of work that is not committed yet.

    Raises NoResultFound when there is none.
    """
    session.flush()
    job = dict(session.execute(_SHOWN_JOB, {"id": job_id}).mappings().one())
    steps = session.execute(_SHOWN_STEPS, {"id": job_id}).mappings()
    return _shaped(job, [{key: step[key] for key in _STEP_FIELDS} for step in steps])


def get_job_log(
    connection: Connection, sight: Sight, job_id: UUID, query: Mapping[str, Any]
) -> dict[str, Any]:
    """A page of the job's log, oldest first.

    Raises:
        Refusal: JOB_NOT_FOUND, CURSOR_INVALID.
    """
    found = _SITE_OF.first(connection, {"id": job_id, "organization_id": sight.organization_id})
    if found is None or not sight.shows(found[0]):
        raise not_found(job_id)
    query = {"limit": query["limit"], "cursor": query.get("cursor"), "sort": "sequence"}
    return read_page(connection, _LOG, _LOG_ORDERS, query, {JobLog.job_id: job_id}).as_json()


def read_log(connection: Connection, job_id: UUID, after: int, limit: int) -> list[dict[str, Any]]:
    """The lines of the job's log after a sequence, at most `limit`."""
    rows = connection.execute(_LOG_AFTER, {"id": job_id, "after": after, "limit": limit})
    return [dict(row) for row in rows.mappings()]


def not_found(job_id: UUID) -> Refusal:
    """The refusal for a job that does not exist, or is not in sight."""
    return Refusal("JOB_NOT_FOUND", f"There is no job {job_id}.")


@lru_cache(maxsize=128)
def _steps_of(count: int) -> Prepared:
    """The steps of so many jobs."""
    wanted = [bindparam(f"id_{at}", type_=JobStep.job_id.type) for at in range(count)]
    return Prepared(_STEPS.where(JobStep.job_id.in_(wanted)), raw=frozenset(("job_id",)))


def _with_steps(connection: Connection, jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `_JOB` in the contract's shape."""
    if not jobs:
        return jobs
    steps: dict[UUID, list[dict[str, Any]]] = {job["id"]: [] for job in jobs}
    found = _steps_of(len(jobs)).all(connection, {f"id_{at}": job_id for at, job_id in enumerate(steps)})
    last: Any = None
    mine: list[dict[str, Any]] = []
    for job_id, name, status, started_at, finished_at in found:
        if job_id != last:
            last = job_id
            # The id as the driver gives it: one conversion for each job, not for each step.
            mine = steps[job_id if isinstance(job_id, UUID) else UUID(job_id)]
        mine.append({"name": name, "status": status, "started_at": started_at, "finished_at": finished_at})
    return [_shaped(job, steps[job["id"]]) for job in jobs]


def _shaped(job: dict[str, Any], steps: list[dict[str, Any]]) -> dict[str, Any]:
    """A row of `_JOB` in the contract's shape."""
    job["steps"] = steps
    job["cancel_requested"] = job.pop("cancel_requested_at") is not None
    if job["error_code"] is not None:
        job["error_code"] = job["error_code"].lower()
    del job["sequence"], job["version"]
    return job
