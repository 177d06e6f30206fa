"""SIGKILL of what carries a job out, in every step of deploy, restore and promote."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.chaos.chaos import Chaos
from tests.chaos.gate import is_alive
from tests.chaos.sound import assert_stage_sound
from tests.chaos.stages import EVERY_STEP, STAGES, Stage
from tests.chaos.visitor import visiting

Find = Callable[[str], Stage]

KILL_EVERY = int(os.environ.get("WRIT_TEST_KILL_EVERY", "11"))


def kill_process(chaos: Chaos, job_id: str) -> None:
    chaos.kill_process_of(job_id)


def kill_worker(chaos: Chaos, _job_id: str) -> None:
    chaos.kill("worker")
    chaos.product.start("worker")


def carry_out_harmed(
    chaos: Chaos, stage: Stage, step: str, harm: Callable[[Chaos, str], None], nth: int = 1
) -> None:
    with visiting(chaos.product.sites_port, stage.hostname, stage.now) as visitor:
        chaos.gate.close()
        answer, after = stage.order()
        visitor.known.append(after)
        job_id = answer.json()["job_id"]
        call = chaos.hold(job_id, step, nth)
        harm(chaos, job_id)
        chaos.until(lambda: not is_alive(call.pid), 5)
        chaos.gate.open()
        chaos.client.carry_out(answer, 30)
        row = chaos.job(job_id)
        # The step was hit, and hit once.
        assert (row.attempt, row.losses) == (2, 1), chaos.get(f"/jobs/{job_id}/log")
        assert_stage_sound(stage, after, visitor)


@pytest.mark.parametrize(("kind", "step"), EVERY_STEP)
def test_the_process_of_the_job_is_killed(chaos: Chaos, stage: Find, kind: str, step: str) -> None:
    carry_out_harmed(chaos, stage(kind), step, kill_process)


@pytest.mark.parametrize("kind", STAGES)
def test_the_process_of_the_job_is_killed_after_the_swap(chaos: Chaos, stage: Find, kind: str) -> None:
    """The release is swapped out and in again; that makes it no worse: a rollback may go back to it."""
    found = stage(kind)

    def kill_when_swapped(chaos: Chaos, job_id: str) -> None:
        while chaos.live(found.environment).name != job_id:
            call = chaos.next_call(job_id)
            assert call is not None
            chaos.gate.let(call)
            chaos.until(lambda gone=call.pid: not is_alive(gone))
        chaos.until(chaos.gate.held)
        assert chaos.running_step(job_id) == "activate"
        chaos.kill_process_of(job_id)

    carry_out_harmed(chaos, found, "activate", kill_when_swapped)


@pytest.mark.parametrize("kind", STAGES)
def test_the_whole_worker_is_killed_in_every_step(chaos: Chaos, stage: Find, kind: str) -> None:
    """One job, whose worker dies in each of its steps in turn: a new worker repeats the step and goes on."""
    found = stage(kind)
    steps = [step for of, step in EVERY_STEP if of == kind]
    with visiting(chaos.product.sites_port, found.hostname, found.now) as visitor:
        chaos.gate.close()
        answer, after = found.order()
        visitor.known.append(after)
        job_id = answer.json()["job_id"]
        for step in steps:
            call = chaos.hold(job_id, step)
            kill_worker(chaos, job_id)
            chaos.until(lambda gone=call.pid: not is_alive(gone), 5)
        chaos.gate.open()
        chaos.client.carry_out(answer, 30)
        row = chaos.job(job_id)
        # Each step was hit, and hit once.
        assert (row.attempt, row.losses) == (len(steps) + 1, len(steps)), chaos.get(f"/jobs/{job_id}/log")
        assert_stage_sound(found, after, visitor)


@pytest.mark.parametrize("chaos", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("kind", "step"),
    [
        ("environment.deploy", "activate"),
        ("environment.restore", "back_up"),
        ("environment.promote", "build"),
    ],
)
@pytest.mark.parametrize("harm", [kill_process, kill_worker])
def test_a_worker_is_killed_on_postgresql(
    chaos: Chaos, stage: Find, kind: str, step: str, harm: Callable[[Chaos, str], None]
) -> None:
    carry_out_harmed(chaos, stage(kind), step, harm)


@pytest.mark.parametrize("kind", STAGES)
def test_the_process_is_killed_between_its_tools(chaos: Chaos, stage: Find, kind: str) -> None:
    """One job, killed again and again, each time some calls of tools further than ever before.

    A new attempt undoes the step that was cut off and repeats it, so it gets as far as the one before it, and
    further. With WRIT_TEST_KILL_EVERY=1 the job is killed before every single call, which takes minutes.
    """
    found = stage(kind)
    with visiting(chaos.product.sites_port, found.hostname, found.now) as visitor:
        chaos.gate.close()
        answer, after = found.order()
        visitor.known.append(after)
        job_id = answer.json()["job_id"]
        step: str | None = None
        furthest = new = kills = 0
        while call := chaos.next_call(job_id):
            # Calls of this attempt in this step.
            calls, attempt = 0, chaos.job(job_id).attempt
            while call is not None and chaos.job(job_id).attempt == attempt:
                now = chaos.running_step(job_id)
                if now != step:
                    step, calls, furthest = now, 0, 0
                calls += 1
                if calls > furthest:
                    furthest, new = calls, new + 1
                    if new % KILL_EVERY == 0:
                        break
                chaos.gate.let(call)
                call = chaos.next_call(job_id)
            if call is None:
                break
            kills += 1
            chaos.kill_process_of(job_id)
            chaos.until(lambda gone=call.pid: not is_alive(gone), 5)
        chaos.gate.open()
        chaos.client.carry_out(answer, 30)
        assert kills >= new // KILL_EVERY > 2
        assert chaos.job(job_id).losses == kills
        assert_stage_sound(found, after, visitor)
