"""SIGTERM during a deploy: the worker finishes it, or hands it back, and stops."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.chaos.chaos import Chaos
from tests.chaos.gate import is_alive, members_of
from tests.chaos.sound import assert_stage_sound
from tests.chaos.stages import Stage
from tests.chaos.visitor import visiting

Find = Callable[[str], Stage]
STEPS = ("fetch", "unpack", "activate")


@pytest.mark.parametrize("step", STEPS)
def test_told_once_the_worker_finishes_the_deploy(chaos: Chaos, stage: Find, step: str) -> None:
    found = stage("environment.deploy")
    with visiting(chaos.product.sites_port, found.hostname, found.now) as visitor:
        chaos.gate.close()
        answer, after = found.order()
        visitor.known.append(after)
        job_id = answer.json()["job_id"]
        chaos.hold(job_id, step)
        worker = chaos.product.processes.pop("worker")
        worker.send_signal(signal.SIGTERM)
        # Its sweeper and its idle workers go; the pool and the worker with the job stay, and its process.
        chaos.until(lambda: len(members_of(worker.pid)) <= 3)
        waiting = chaos.client.post("/sites", json={"name": "Waiting", "slug": chaos.slug()})
        chaos.gate.open()
        assert worker.wait(15) == 0
        assert members_of(worker.pid) == []
        assert (chaos.job(job_id).status, chaos.job(job_id).attempt) == ("succeeded", 1)
        assert chaos.job(waiting.json()["job_id"]).status == "queued"
        chaos.product.start("worker")
        chaos.client.carry_out(waiting)
        assert_stage_sound(found, after, visitor)


@pytest.mark.parametrize(
    ("chaos", "step"),
    [*(("sqlite", step) for step in STEPS), ("postgresql", "unpack")],
    indirect=["chaos"],
)
def test_told_twice_the_worker_hands_the_deploy_back(chaos: Chaos, stage: Find, step: str) -> None:
    found = stage("environment.deploy")
    with visiting(chaos.product.sites_port, found.hostname, found.now) as visitor:
        chaos.gate.close()
        answer, after = found.order()
        visitor.known.append(after)
        job_id = answer.json()["job_id"]
        call = chaos.hold(job_id, step)
        worker = chaos.product.processes.pop("worker")
        worker.send_signal(signal.SIGTERM)
        chaos.until(lambda: len(members_of(worker.pid)) <= 3)
        worker.send_signal(signal.SIGTERM)
        # The tool is ended; what undoes the step may work.
        chaos.until(lambda: not is_alive(call.pid))
        chaos.gate.open()
        assert worker.wait(15) == 0
        assert members_of(worker.pid) == []
        row = chaos.job(job_id)
        assert (row.status, row.attempt, row.losses) == ("queued", 1, 0)
        assert "running" not in chaos.steps(job_id).values()
        chaos.product.start("worker")
        chaos.client.carry_out(answer)
        assert (chaos.job(job_id).attempt, chaos.job(job_id).losses) == (2, 0)
        assert_stage_sound(found, after, visitor)
