"""The work that every peer does, on Writ's own tables: what differs between them is the framework alone.

The selects are SQLAlchemy Core, on the same engine settings as Writ's. The order of a deploy is Writ's own
rule: the same rows, and RQ after the commit. `Guard` is what stands in front of it where a caller brings an
API key: the key and its scope, two limits, and a row of the audit log for each request.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from limits import parse
from limits.storage import storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter
from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Uuid,
    bindparam,
    insert,
    select,
)

import writ.hosting.jobs  # noqa: F401 - registers the kinds
from writ.access.models import DEFAULT_ORGANIZATION_ID, ApiKey, LoginSession, User
from writ.access.sessions import hash_token
from writ.gateway.sight import Sight
from writ.hosting.models import Environment, Site
from writ.hosting.orders import Orders
from writ.hosting.releases import deploy_environment
from writ.jobs import transport
from writ.jobs.models import Job, JobStep
from writ.settings import get_settings
from writ.store.base import Json, UtcDateTime, new_id, now
from writ.store.work import Store

COOKIE = "session_token"
# Every peer serves one organization, and finds rows by it as Writ does.
SIGHT = Sight(DEFAULT_ORGANIZATION_ID)
SEEN = {"organization_id": DEFAULT_ORGANIZATION_ID}


def open_store(threads: int) -> Store:
    """The database that this process was told, with a connection for each thread."""
    settings = get_settings()
    store = Store(settings.database, pool_size=threads)
    transport.use(store, transport.make_client(os.environ["WRIT_REDIS_URL"]))
    return store


# Built once, as Writ's own are: SQLAlchemy takes longer to build a select than SQLite to answer it.
_USER = (
    select(User.id)
    .join(LoginSession, LoginSession.user_id == User.id)
    .where(
        LoginSession.token_hash == bindparam("token_hash"),
        LoginSession.revoked_at.is_(None),
        LoginSession.expires_at > bindparam("at"),
    )
)
_ENVIRONMENT = (
    select(
        Environment.id,
        Environment.site_id,
        Environment.name,
        Environment.slug,
        Environment.type,
        Environment.status,
        Environment.hostname,
        Environment.current_release_id,
        Environment.source_environment_id,
        Environment.promotion_preset,
        Environment.fastcgi_cache_enabled,
        Environment.redis_cache_enabled,
        Environment.drift_status,
        Environment.drift_checked_at,
        Environment.created_at,
        Environment.updated_at,
    )
    .join(Site, Site.id == Environment.site_id)
    .where(Environment.id == bindparam("id"), Site.organization_id == bindparam("organization_id"))
)
_JOBS = (
    select(
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
    )
    .where(Job.organization_id == bindparam("organization_id"), Job.system == "hosting")
    .order_by(Job.sequence.desc())
    .limit(bindparam("limit"))
)
_STEPS = (
    select(JobStep.job_id, JobStep.name, JobStep.status, JobStep.started_at, JobStep.finished_at)
    .where(JobStep.job_id.in_(bindparam("ids", expanding=True)))
    .order_by(JobStep.job_id, JobStep.position)
)


def find_user(connection: Connection, token: str) -> UUID | None:
    """Whose session it is."""
    return connection.execute(_USER, {"token_hash": hash_token(token), "at": now()}).scalar_one_or_none()


def find_environment(connection: Connection, environment_id: UUID) -> dict[str, Any] | None:
    """One environment, as the contract shows it."""
    row = connection.execute(_ENVIRONMENT, {"id": environment_id} | SEEN).mappings().one_or_none()
    if row is None:
        return None
    found = dict(row)
    hostname, port = found.pop("hostname"), get_settings().sites_port
    found["url"] = f"http://{hostname}:{port}/" if port and found["current_release_id"] else None
    return found


def list_jobs(connection: Connection, limit: int) -> dict[str, Any]:
    """The newest jobs with their steps, as the contract shows them."""
    rows = [dict(row) for row in connection.execute(_JOBS, {"limit": limit + 1} | SEEN).mappings()]
    jobs = rows[:limit]
    steps: dict[UUID, list[dict[str, Any]]] = {job["id"]: [] for job in jobs}
    for row in connection.execute(_STEPS, {"ids": list(steps)}).mappings():
        step = dict(row)
        steps[step.pop("job_id")].append(step)
    cursor = str(jobs[-1]["sequence"]) if len(rows) > limit else None
    for job in jobs:
        job["steps"] = steps[job["id"]]
        job["cancel_requested"] = job.pop("cancel_requested_at") is not None
        del job["sequence"]
    return {"data": jobs, "pagination": {"limit": limit, "next_cursor": cursor}}


_KEY = select(
    ApiKey.id,
    ApiKey.organization_id,
    ApiKey.is_active,
    ApiKey.expires_at,
    ApiKey.permissions,
    ApiKey.created_by,
).where(ApiKey.api_key == bindparam("sha256"))
_METADATA = MetaData()
_LOG = Table(
    "bench_audit_log",
    _METADATA,
    Column("id", Uuid, primary_key=True),
    Column("organization_id", Uuid),
    Column("api_key_id", Uuid),
    Column("user_id", Uuid),
    Column("operation_id", String(80)),
    Column("endpoint", String(255)),
    Column("method", String(10)),
    Column("path", String(2000)),
    Column("parameters", Json),
    Column("status_code", Integer),
    Column("response_time_ms", Integer),
    Column("request_id", String(100)),
    Column("ip_address", String(45)),
    Column("timestamp", UtcDateTime),
    # What somebody who wants to ask by key, endpoint and time would have.
    Index("ix_bench_audit_log_key", "api_key_id", "timestamp"),
    Index("ix_bench_audit_log_endpoint", "endpoint", "timestamp"),
)
_RECORD = insert(_LOG)


@dataclass(frozen=True, slots=True)
class Key:
    """Whose key it is, and what it may do."""

    id: UUID
    organization_id: UUID
    user_id: UUID
    scopes: frozenset[str]


class Refused(Exception):
    """The status of a refusal."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Guard:
    """Key, scope, limits and audit as people write them: a select, two counters of `limits`, an insert."""

    def __init__(self, store: Store) -> None:
        self.store = store
        storage = storage_from_string(os.environ["WRIT_REDIS_URL"].replace("unix://", "redis+unix://"))
        self.limiter = SlidingWindowCounterRateLimiter(storage)
        _METADATA.create_all(store.engine)
        self.rules = (parse("10000000/minute"), parse("1000000/10 seconds"))

    def find_key(self, text: str, scope: str) -> Key:
        """Whose key it is. Raises Refused."""
        with self.store.read() as connection:
            sha256 = hashlib.sha256(text.encode()).hexdigest()
            row = connection.execute(_KEY, {"sha256": sha256}).one_or_none()
        if row is None or not row.is_active or (row.expires_at is not None and row.expires_at <= now()):
            raise Refused(401)
        scopes = frozenset(row.permissions["scopes"])
        if scope not in scopes and "*" not in scopes:
            raise Refused(403)
        return Key(row.id, row.organization_id, row.created_by, scopes)

    def limit(self, key: Key, group: str) -> dict[str, str]:
        """Count the request; the headers that say what is left. Raises Refused."""
        for rule in self.rules:
            if not self.limiter.hit(rule, str(key.id), group):
                raise Refused(429)
        rule = self.rules[0]
        stats = self.limiter.get_window_stats(rule, str(key.id), group)
        return {
            "X-RateLimit-Limit": str(rule.amount),
            "X-RateLimit-Remaining": str(stats.remaining),
            "X-RateLimit-Reset": str(int(stats.reset_time)),
        }

    def record(
        self, key: Key, operation: str, endpoint: str, method: str, path: str, status: int, seconds: float
    ) -> None:
        """Write the row of the audit log."""
        record_id = new_id()
        with self.store.begin() as session:
            session.execute(
                _RECORD,
                {
                    "id": record_id,
                    "organization_id": key.organization_id,
                    "api_key_id": key.id,
                    "user_id": key.user_id,
                    "operation_id": operation,
                    "endpoint": endpoint,
                    "method": method,
                    "path": path,
                    "parameters": {},
                    "status_code": status,
                    "response_time_ms": int(seconds * 1000),
                    "request_id": f"req_{record_id.hex}",
                    "ip_address": "127.0.0.1",
                    "timestamp": now(),
                },
            )


def order_deploy(store: Store, environment_id: UUID, body: dict[str, Any], user_id: UUID | None) -> UUID:
    """Order a deploy; the job's id."""
    with store.begin() as session:
        return deploy_environment(Orders(session, get_settings(), SIGHT, user_id), environment_id, body)
