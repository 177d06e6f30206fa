"""The product behind a gate, and the means to harm it."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
from sqlalchemy import select

from tests.chaos.gate import Gate, Held, members_of
from tests.hosting.running import Repository, Running
from tests.support.product import FINAL
from tests.support.redis import RedisServer
from writ.hosting.models import Environment
from writ.jobs.models import RUNNING, Job, JobStep
from writ.store.work import Store

T = TypeVar("T")
LEASE_SECONDS = 1.5
_number = itertools.count(1)


class HarmedRedis(RedisServer):
    """A Redis that can be frozen and killed; it keeps nothing on the disk."""

    def freeze(self) -> None:
        """It takes connections and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """Gone, with everything in it."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(10)


class Chaos(Running):
    """Server, workers and sites server on one database, and every order that was accepted."""

    def __init__(self, folder: Path, database_url: str, redis: HarmedRedis, **settings: str) -> None:
        super().__init__(folder, database_url, redis.url)
        self.redis = redis
        self.gate = Gate(folder)
        self.product.settings = {
            **self.product.settings,
            "PATH": f"{self.gate.folder}{os.pathsep}{os.environ['PATH']}",
            "WRIT_LEASE_SECONDS": str(LEASE_SECONDS),
            # Whole jobs are killed at each of their calls.
            "WRIT_JOB_MAX_ATTEMPTS": "1000",
            **settings,
        }
        self.store = Store(database_url, pool_size=2)
        self.accepted: list[str] = []

    def begin(self, *names: str) -> None:
        """Start these processes, or all when none is named."""
        self.product.home.mkdir(exist_ok=True)
        self.product.prepare()
        self.product.start(*names)
        self.log_in()

    def log_in(self) -> None:
        """A client that writes down which orders were accepted."""
        self.client = self.product.client()
        self.client.event_hooks = {"response": [self._note]}

    def _note(self, answer: httpx.Response) -> None:
        if answer.status_code == 202:
            answer.read()
            self.accepted.append(str(answer.json()["job_id"]))

    def mend(self) -> None:
        """Everything runs again, whatever the last test did."""
        self.gate.open()
        for name, process in list(self.product.processes.items()):
            if process.poll() is not None:
                del self.product.processes[name]
        missing = [
            name for name in ("server", "worker", "sites", "recorder") if name not in self.product.processes
        ]
        if missing:
            self.product.start(*missing)

    def end(self) -> None:
        self.gate.open()
        for name in list(self.product.processes):
            self.kill(name)
        self.store.close()

    # -- making things

    def repository_with(self, files: dict[str, str]) -> Repository:
        repository = self.repository()
        repository.commit(files)
        return repository

    def hostname(self, environment: str) -> str:
        with self.store.read() as connection:
            query = select(Environment.hostname).where(Environment.id == UUID(environment))
            return str(connection.execute(query).scalar_one())

    # -- waiting

    def until(self, look: Callable[[], T], seconds: float = 30.0) -> T:
        """What `look` says, as soon as it is true."""
        give_up_at = time.monotonic() + seconds
        while not (found := look()):
            assert time.monotonic() < give_up_at, "waited in vain"
            time.sleep(0.005)
        return found

    def job(self, job_id: str) -> Any:
        """The job's row."""
        with self.store.read() as connection:
            return connection.execute(select(Job.__table__).where(Job.id == UUID(job_id))).one()

    def steps(self, job_id: str) -> dict[str, str]:
        """The steps' states, by name."""
        with self.store.read() as connection:
            query = select(JobStep.name, JobStep.status).where(JobStep.job_id == UUID(job_id))
            return {row.name: row.status for row in connection.execute(query.order_by(JobStep.position))}

    def running_step(self, job_id: str) -> str | None:
        """The step that the job is at now, while a worker runs it."""
        with self.store.read() as connection:
            return connection.scalar(
                select(JobStep.name)
                .join(Job, Job.id == JobStep.job_id)
                .where(Job.id == UUID(job_id), Job.status == RUNNING, JobStep.status == RUNNING)
            )

    # -- the gate

    def hold(self, job_id: str, step: str, nth: int = 1) -> Held:
        """Let the job go on until the `nth` call of a tool in this step waits at the gate, which is closed.

        Fails when the job ends before.
        """
        seen = 0
        while True:
            call = self.next_call(job_id)
            assert call is not None, f"the job ended before call {nth} of its step {step}"
            if self.running_step(job_id) == step:
                seen += 1
                if seen == nth:
                    return call
            self.gate.let(call)

    def next_call(self, job_id: str, seconds: float = 30.0) -> Held | None:
        """The next call of the job that waits at the gate; None when the job has ended instead."""

        def look() -> list[Held | None]:
            held = self.gate.held()
            # Tools of tools outlive a killed process by a moment; nobody lets them through.
            if held and self.running_step(job_id) is not None:
                return [held[0]]
            return [None] if self.job(job_id).status in FINAL else []

        return self.until(look, seconds)[0]

    # -- harm

    def process_of(self, job_id: str) -> int:
        """The process that carries the job out now."""
        owner = self.job(job_id).lease_owner
        assert owner is not None, "nobody carries the job out"
        return int(owner.rpartition(":")[2])

    def kill_process_of(self, job_id: str) -> None:
        os.kill(self.process_of(job_id), signal.SIGKILL)

    def kill(self, name: str) -> None:
        """SIGKILL a command and all that it forked, at once, as when a machine loses its power."""
        process = self.product.processes.pop(name)
        kill_session(process)

    def start_worker(self, name: str, **settings: str) -> None:
        """Another worker, as on another machine, with settings of its own."""
        with (self.product.home / f"{name}.log").open("ab") as log:
            self.product.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "writ.cli", "worker"],
                env={**self.product.environment, **settings},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


@contextmanager
def running(folder: Path, database_url: str, names: tuple[str, ...] = (), **settings: str) -> Iterator[Chaos]:
    """A product, or the processes of it that are named, and its Redis; everything is killed at the end."""
    redis = HarmedRedis(folder)
    redis.start()
    chaos = Chaos(folder, database_url, redis, **settings)
    try:
        chaos.begin(*names)
        yield chaos
    finally:
        chaos.end()
        redis.kill()


def kill_session(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL a process and what it forked, its tools too, and wait until all are gone."""
    while members := members_of(process.pid):
        for pid in members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.poll()
    process.wait(10)


def signal_session(pid: int, number: signal.Signals) -> None:
    for member in members_of(pid):
        with suppress(ProcessLookupError):
            os.kill(member, number)
