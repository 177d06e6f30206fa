"""The world of a test of jobs: a database, a Redis, and workers when they are wanted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar
from uuid import UUID

from redis import Redis
from sqlalchemy import func, select

from tests.jobs import kinds  # noqa: F401 - registers the kinds
from tests.support.redis import RedisServer
from writ.gateway.sight import Sight
from writ.jobs.models import FINAL, Job, JobHold, JobLock, JobLog, JobStep
from writ.jobs.order import order
from writ.jobs.runner import run_job
from writ.jobs.sweeper import SweepReport, sweep
from writ.settings import Settings
from writ.store.base import DEFAULT_ORGANIZATION_ID
from writ.store.work import Store

T = TypeVar("T")
SIGHT = Sight(DEFAULT_ORGANIZATION_ID)


class World:
    """Orders, runs and watches jobs."""

    def __init__(self, folder: Path, database_url: str, redis_server: RedisServer) -> None:
        self.folder = folder
        self.redis_server = redis_server
        self.settings = Settings(
            home=folder / "home",
            database_url=database_url,
            redis_url=redis_server.url,
            lease_seconds=2.0,
            stop_grace_seconds=2.0,
            secret_key="k" * 32,
        )
        self.store = Store(self.settings.database)
        self.redis = Redis.from_url(redis_server.url)
        self.services = SimpleNamespace(settings=self.settings, store=self.store)
        self.pools: list[subprocess.Popen[bytes]] = []

    # -- orders

    def order(self, kind: str = "test.three", *, locks: tuple[str, ...] = (), **parameters: Any) -> UUID:
        with self.store.begin() as session:
            return order(session, kind, locks=locks, parameters={"folder": str(self.folder), **parameters})

    def run(self, job_id: UUID, **options: Any) -> str | None:
        """One attempt, in this process."""
        return run_job(self.services, job_id, owner="test:1", **options)

    def sweep(self) -> SweepReport:
        return sweep(self.store, self.redis, self.settings)

    # -- what became of them

    def job(self, job_id: UUID) -> Job:
        with self.store.begin() as session:
            return session.scalars(select(Job).where(Job.id == job_id)).one()

    def steps(self, job_id: UUID) -> list[str]:
        query = select(JobStep.status).where(JobStep.job_id == job_id).order_by(JobStep.position)
        with self.store.read() as connection:
            return list(connection.execute(query).scalars())

    def log(self, job_id: UUID) -> str:
        query = select(JobLog.message).where(JobLog.job_id == job_id).order_by(JobLog.sequence)
        with self.store.read() as connection:
            return "\n".join(connection.execute(query).scalars())

    def trace(self) -> list[str]:
        path = self.folder / "trace"
        return path.read_text().splitlines() if path.exists() else []

    def nothing_is_held(self) -> bool:
        with self.store.read() as connection:
            return not any(
                connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (JobHold, JobLock)
            )

    def until(self, condition: Callable[[], T], seconds: float = 30.0) -> T:
        """Wait for a condition; fail when it does not come true in time."""
        give_up_at = time.monotonic() + seconds
        while True:
            found = condition()
            if found:
                return found
            if time.monotonic() > give_up_at:
                with self.store.begin() as session:
                    rows = [(j.kind, j.status, j.attempt, j.error_code) for j in session.scalars(select(Job))]
                raise AssertionError(f"did not come true: jobs {rows}, trace {self.trace()}")
            time.sleep(0.02)

    def until_final(self, job_id: UUID, seconds: float = 30.0) -> Job:
        self.until(lambda: self.job(job_id).status in FINAL, seconds)
        return self.job(job_id)

    def until_blocked(self, name: str) -> int:
        """Wait until a step blocks; the id of the process that runs it."""
        path = self.folder / f"pid-{name}"
        self.until(lambda: path.exists() and path.read_text())
        pid = int(path.read_text())
        # Another program may come first: the one that asks what setpriv can do.
        self.until(lambda: "sleep" in map(name_of, children_of(pid)))
        return pid

    # -- workers

    def start_pool(self, count: int = 1) -> subprocess.Popen[bytes]:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("WRIT_")},
            "PYTHONPATH": os.pathsep.join(sys.path),
            "WRIT_HOME": str(self.settings.home),
            "WRIT_DATABASE_URL": self.settings.database,
            "WRIT_REDIS_URL": self.redis_server.url,
            "WRIT_LEASE_SECONDS": str(self.settings.lease_seconds),
            "WRIT_STOP_GRACE_SECONDS": str(self.settings.stop_grace_seconds),
        }
        log = (self.folder / "pool.log").open("ab")
        pool = subprocess.Popen(
            [sys.executable, "-m", "tests.jobs.pool_main", str(count)],
            env=environment,
            stdout=log,
            stderr=log,
        )
        log.close()
        self.pools.append(pool)
        return pool

    def close(self) -> None:
        for pool in self.pools:
            with suppress(ProcessLookupError):
                pool.send_signal(signal.SIGTERM)
        for pool in self.pools:
            pool.wait(20)
        self.store.close()
        self.redis.close()


def name_of(pid: int) -> str:
    """The program that a process runs."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def children_of(pid: int) -> list[int]:
    """The children of a process."""
    with suppress(OSError):
        return [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    return []


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False
