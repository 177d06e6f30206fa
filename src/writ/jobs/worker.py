"""The worker: an RQ worker that forks a process for each job, and what runs inside that process."""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from types import FrameType
from typing import Any
from uuid import UUID

import structlog
from redis import ConnectionError as RedisConnectionError
from redis import Redis, RedisError
from rq import Worker
from rq.job import Job as Entry
from rq.queue import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from writ import kernel
from writ.jobs import children, transport
from writ.jobs.models import RUNNING, Job
from writ.jobs.rehearsal import rehearse
from writ.jobs.runner import JobServices, run_job
from writ.settings import Settings
from writ.store.base import now
from writ.store.work import Store

log = structlog.get_logger(__name__)

Build = Callable[[Settings], JobServices]
"""Builds the services of a worker: once, before it forks, so it must leave no connection open."""

RECONNECT_SECONDS = 1.0


class _Process:
    """What a process that was forked for a job knows of itself."""

    services: JobServices | None = None
    told_to_stop: bool = False


def perform(job_id: str) -> None:
    """Carry out a job; RQ calls this in the process that it forked for the job."""
    services = _Process.services
    if services is None:
        raise RuntimeError("jobs run in processes that run_worker started")
    transport.use(services.store, services.redis)
    try:
        run_job(
            services, UUID(job_id), owner=owner_name(os.getpid()), hand_back=lambda: _Process.told_to_stop
        )
    finally:
        services.store.close()


def owner_name(pid: int) -> str:
    """How the process of a job signs its lease: host and process id."""
    return f"{socket.gethostname()[:100]}:{pid}"


def connect(settings: Settings) -> Redis:
    """A client of the configured Redis; connects when first used."""
    if settings.redis_url is None:
        raise RuntimeError("a worker needs WRIT_REDIS_URL; `writ up` starts a Redis and sets it")
    return transport.make_client(settings.redis_url)


class WritWorker(Worker):
    """RQ's worker, made to survive Redis, and to stop without killing the job.

    The first SIGTERM or SIGINT lets the running job finish; the second asks its process to hand the job back.
    Only when `grace_seconds` later that process is still there, it is killed; the lease covers the rest.
    """

    max_connection_wait_time = 2.0
    log_result_lifespan = False

    def __init__(self, settings: Settings, redis: Redis, stopped: threading.Event) -> None:
        super().__init__(
            [transport.make_queue(redis)],
            connection=redis,
            serializer=JSONSerializer,
            log_job_description=False,
            job_monitoring_interval=5,
        )
        self.settings = settings
        self.grace_seconds = max(settings.stop_grace_seconds, 1.0)
        self.stopping = False
        self.stopped = stopped

    # -- in the process of a job

    def setup_work_horse_signals(self) -> None:
        """SIGTERM asks for a hand-back; Ctrl-C is the worker's business."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, _hand_back)

    # -- in the worker

    def subscribe(self) -> None:
        """Do without RQ's remote commands: their thread would be there at every fork and delay stops."""

    def _install_signal_handlers(self) -> None:
        """Take the signals over; one that came before counts."""
        super()._install_signal_handlers()  # type: ignore[no-untyped-call]
        if self.stopped.is_set():
            self.stopping = self._stop_requested = True

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """First signal: finish the running job, take no other."""
        self.stopping = True
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        """Second signal: have the running job handed back."""
        horse = self.horse_pid
        if not horse:
            return
        with suppress(ProcessLookupError):
            os.kill(horse, signal.SIGTERM)
        timer = threading.Timer(self.grace_seconds, self._kill_stuck, (horse,))
        timer.daemon = True
        timer.start()

    def _kill_stuck(self, horse: int) -> None:
        if self.horse_pid == horse:
            with suppress(ProcessLookupError):
                os.kill(horse, signal.SIGKILL)

    def set_shutdown_requested_date(self) -> None:
        """Tell Redis that a stop was asked for; this happens in a signal handler and must not fail."""
        with suppress(RedisError):
            super().set_shutdown_requested_date()  # type: ignore[no-untyped-call]

    def maintain_heartbeats(self, job: Entry) -> None:
        """Tell Redis that worker and job live; the job goes on when Redis is away."""
        with suppress(RedisError):
            super().maintain_heartbeats(job)

    def set_current_job_working_time(self, current_job_working_time: float, pipeline: Any = None) -> None:
        """Tell Redis how long the job has been running; the job goes on when Redis is away."""
        with suppress(RedisError):
            super().set_current_job_working_time(current_job_working_time, pipeline)

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Tell Redis that the worker lives; while a job runs, Redis may be away."""
        try:
            super().heartbeat(timeout, pipeline)
        except RedisError:
            if not self.horse_pid:
                raise

    def monitor_work_horse(self, job: Entry, queue: Queue) -> None:
        """Wait for the job's process, come what may, and clean up after one that was killed."""
        horse = self.horse_pid
        try:
            super().monitor_work_horse(job, queue)
        finally:
            if self.horse_pid:
                with suppress(ChildProcessError):
                    os.waitpid(horse, 0)
                self._horse_pid = 0
            killed = children.kill_orphans()
            if killed:
                log.warning("orphans_killed", processes=killed)

    def handle_work_horse_killed(self, job: Entry, retpid: int, ret_val: int, rusage: Any) -> None:
        """End the lease of a process that is known to be dead, so that nobody waits for it to run out."""
        report_dead(self.settings, retpid)

    def handle_job_failure(self, *args: Any, **kwargs: Any) -> None:
        """Let RQ note that a process failed; what becomes of the job is in the database."""
        with suppress(RedisError):
            super().handle_job_failure(*args, **kwargs)

    def teardown(self) -> None:
        """Say goodbye to Redis, if it is there."""
        with suppress(RedisError):
            super().teardown()  # type: ignore[no-untyped-call]


def _hand_back(_signum: int, _frame: FrameType | None) -> None:
    # Only a flag: a handler that took a lock could wait for the very code that it interrupted.
    _Process.told_to_stop = True


def report_dead(settings: Settings, pid: int) -> None:
    """Let the lease of a dead process of this machine end now; the sweeper then takes its job."""
    store = Store(settings.database, pool_size=1)
    try:
        with store.begin() as session:
            session.execute(
                update(Job)
                .where(Job.status == RUNNING, Job.lease_owner == owner_name(pid))
                .values(lease_expires_at=now() - timedelta(seconds=1))
            )
    except SQLAlchemyError as error:
        log.warning("dead_process_not_reported", pid=pid, reason=str(error)[:200])
    finally:
        # Closed before the next fork: a connection must not be shared with a child.
        store.close()


def run_worker(settings: Settings, build: Build) -> None:
    """Be a worker until told to stop; returns then. Waits for Redis when it is away, however long.

    The caller has imported all kinds of job, so that the process of a job starts with everything loaded.
    """
    _Process.services = build(settings)
    rehearse(_Process.services.store, settings)
    kernel.adopt_orphans()
    gc.freeze()
    stopped = threading.Event()
    while not stopped.is_set():
        # A worker that RQ gave up for a reason of Redis leaves its handlers behind; these stand in between.
        signal.signal(signal.SIGTERM, lambda *_: stopped.set())
        signal.signal(signal.SIGINT, lambda *_: stopped.set())
        try:
            worker = WritWorker(settings, connect(settings), stopped)
            worker.work(logging_level="WARNING")
            if worker.stopping:
                return
        except RedisError as error:
            kind = "redis_away" if isinstance(error, RedisConnectionError) else "redis_error"
            log.warning(kind, reason=str(error)[:200])
        time.sleep(RECONNECT_SECONDS)
