"""Two workers with one database, as on two machines; one is frozen in the middle of a job, then wakes up."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import OperationalError

from tests.chaos.chaos import Chaos, signal_session
from tests.chaos.gate import is_alive, members_of
from tests.chaos.sound import assert_stage_sound
from tests.chaos.stages import Stage
from tests.chaos.visitor import visiting
from writ.jobs.models import JobLog


def written_about(chaos: Chaos, job_id: str) -> list[Any]:
    """All that the database says of a job."""
    with chaos.store.read() as connection:
        log = select(JobLog.sequence, JobLog.message).where(JobLog.job_id == UUID(job_id))
        lines = connection.execute(log.order_by(JobLog.sequence)).all()
    return [chaos.job(job_id), chaos.steps(job_id), lines]


def on_the_node(chaos: Chaos, environment: str) -> list[tuple[str, int]]:
    """Everything of an environment on its node, with the time of its last change."""
    home = chaos.home(environment)
    return sorted((str(path.relative_to(home)), path.lstat().st_mtime_ns) for path in home.rglob("*"))


def freeze(chaos: Chaos, session: int) -> None:
    """Freeze a worker, and not while it writes to the database.

    Whoever is frozen in a transaction of SQLite keeps everybody on that machine from writing; no other
    process can help that.
    """
    while True:
        signal_session(session, signal.SIGSTOP)
        if not chaos.product.database_url.startswith("sqlite"):
            return
        hasty = create_engine(chaos.product.database_url, connect_args={"timeout": 0.1})
        try:
            with hasty.connect() as connection:
                connection.execute(text("BEGIN IMMEDIATE"))
                return
        except OperationalError:
            signal_session(session, signal.SIGCONT)
            time.sleep(0.05)


@pytest.mark.parametrize(
    ("chaos", "kind", "step"),
    [
        ("sqlite", "environment.deploy", "unpack"),
        ("sqlite", "environment.restore", "build"),
        ("postgresql", "environment.deploy", "activate"),
    ],
    indirect=["chaos"],
)
def test_a_frozen_worker_that_wakes_up_writes_nothing(
    chaos: Chaos, stage: Callable[[str], Stage], kind: str, step: str
) -> None:
    found = stage(kind)
    with visiting(chaos.product.sites_port, found.hostname, found.now) as visitor:
        chaos.gate.close()
        answer, after = found.order()
        visitor.known.append(after)
        job_id = answer.json()["job_id"]
        call = chaos.hold(job_id, step)
        process = chaos.process_of(job_id)
        frozen = chaos.product.processes.pop("worker")
        assert process in members_of(frozen.pid)
        try:
            freeze(chaos, frozen.pid)
            chaos.product.start("worker")
            # The tool ends as it would have; its caller will learn it when it wakes up.
            chaos.gate.let(call)
            chaos.until(lambda: not is_alive(call.pid))
            chaos.gate.open()
            chaos.client.carry_out(answer)
            assert (chaos.job(job_id).attempt, chaos.job(job_id).losses) == (2, 1)
            before = written_about(chaos, job_id), on_the_node(chaos, found.environment)
            # Whatever tool the sleeper calls now is caught in the act.
            chaos.gate.close()
            os.kill(process, signal.SIGCONT)
            chaos.until(lambda: not is_alive(process), 10)
            assert chaos.gate.seen() == []
            signal_session(frozen.pid, signal.SIGCONT)
            assert (written_about(chaos, job_id), on_the_node(chaos, found.environment)) == before
        finally:
            chaos.gate.open()
            signal_session(frozen.pid, signal.SIGCONT)
            with suppress(ProcessLookupError):
                os.kill(frozen.pid, signal.SIGTERM)
            frozen.wait(20)
        assert_stage_sound(found, after, visitor)
