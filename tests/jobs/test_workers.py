"""Real workers: order and exclusivity, and every way to lose one."""

from __future__ import annotations

import os
import signal
import time
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.jobs.world import SIGHT, World, children_of, is_alive
from writ.jobs.control import cancel_job
from writ.jobs.models import FINAL, Job
from writ.store.base import now


def test_jobs_on_overlapping_resources_run_alone_and_in_order(world: World) -> None:
    pairs = [("a", "b"), ("b", "c"), ("c", "a"), ("a",), ("d",), ("d", "b")]
    wanted: dict[str, list[int]] = defaultdict(list)
    jobs = []
    for number in range(30):
        resources = pairs[number % len(pairs)]
        jobs.append(world.order("test.occupy", locks=resources, resources=resources, number=number))
        for name in resources:
            wanted[name].append(number)
    world.start_pool(3)
    for job_id in jobs:
        assert world.until_final(job_id, 30).status == "succeeded"
    assert not [line for line in world.trace() if line.startswith("violation")]
    found: dict[str, list[int]] = defaultdict(list)
    for line in world.trace():
        name, number = line.split()
        found[name].append(int(number))
    assert found == wanted
    assert world.nothing_is_held()


def test_a_cancellation_kills_the_process_of_the_step(world: World) -> None:
    job_id = world.order(locks=("a",), block="two")
    world.start_pool()
    [sleeper] = children_of(world.until_blocked("two"))
    with world.store.begin() as session:
        cancel_job(session, SIGHT, job_id)
    assert world.until_final(job_id, 5).status == "cancelled"
    assert not is_alive(sleeper)
    assert world.trace()[-2:] == ["undo two 1", "undo one 1"]
    assert world.nothing_is_held()


@pytest.mark.parametrize("step", ["one", "two", "three"])
def test_a_step_whose_process_is_killed_is_undone_and_repeated(world: World, step: str) -> None:
    job_id = world.order(locks=("a",), block=step)
    follower = world.order("test.quick", locks=("a",))
    world.start_pool()
    horse = world.until_blocked(step)
    [sleeper] = children_of(horse)
    os.kill(horse, signal.SIGKILL)
    job = world.until_final(job_id)
    assert (job.status, job.attempt, job.losses) == ("succeeded", 2, 1)
    lines = [line for line in world.trace() if f" {step} " in line]
    assert lines == [f"do {step} 1", f"undo {step} 2", f"do {step} 2", f"done {step} 2"]
    assert sorted(job.data) == ["one", "three", "two"]
    assert not is_alive(sleeper)
    assert world.until_final(follower).status == "succeeded"
    assert world.nothing_is_held()


def test_a_step_that_cannot_be_repeated_is_undone_with_all_before_it(world: World) -> None:
    job_id = world.order("test.once", locks=("a",), block="two")
    world.start_pool()
    os.kill(world.until_blocked("two"), signal.SIGKILL)
    job = world.until_final(job_id)
    assert (job.status, job.error_code, job.attempt) == ("failed", "WORKER_LOST", 2)
    assert world.trace()[-3:] == ["do two 1", "undo two 2", "undo one 2"]
    assert world.steps(job_id) == ["undone", "failed", "pending"]
    assert job.result == {"effect": "failed"}
    assert world.nothing_is_held()


@pytest.mark.parametrize("step", ["one", "three"])
def test_steps_beside_one_that_cannot_be_repeated_are_repeated(small_world: World, step: str) -> None:
    job_id = small_world.order("test.once", locks=("a",), block=step)
    small_world.start_pool()
    os.kill(small_world.until_blocked(step), signal.SIGKILL)
    assert small_world.until_final(job_id).status == "succeeded"


def test_a_job_that_kills_its_worker_every_time_fails(small_world: World) -> None:
    world = small_world
    job_id = world.order(locks=("a",), block="two", blocks=9)
    world.start_pool()
    for _ in range(world.settings.job_max_attempts):
        horse = world.until_blocked("two")
        (world.folder / "pid-two").unlink()
        os.kill(horse, signal.SIGKILL)
    job = world.until_final(job_id)
    assert (job.status, job.error_code) == ("failed", "WORKER_LOST")
    assert world.trace()[-1].startswith("undo one")
    assert world.nothing_is_held()


def test_nobody_waits_for_the_lease_of_a_process_that_is_known_to_be_dead(small_world: World) -> None:
    world = small_world
    world.settings = world.settings.model_copy(update={"lease_seconds": 60.0})
    job_id = world.order(block="two")
    world.start_pool()
    os.kill(world.until_blocked("two"), signal.SIGKILL)
    assert world.until_final(job_id, 10).status == "succeeded"


def test_a_frozen_worker_that_wakes_up_writes_nothing(world: World) -> None:
    job_id = world.order(locks=("a",), block="two")
    world.start_pool(2)
    horse = world.until_blocked("two")
    os.kill(horse, signal.SIGSTOP)
    try:
        job = world.until_final(job_id)
        before = (world.trace(), world.log(job_id), job.version, world.steps(job_id))
    finally:
        os.kill(horse, signal.SIGCONT)
    assert (job.status, job.attempt) == ("succeeded", 2)
    world.until(lambda: not is_alive(horse))
    assert (world.trace(), world.log(job_id), world.job(job_id).version, world.steps(job_id)) == before


def test_workers_that_are_told_to_stop_finish_their_job(small_world: World) -> None:
    world = small_world
    job_id = world.order(slow="two", seconds=1.0)
    later = world.order("test.quick", locks=())
    pool = world.start_pool()
    world.until(lambda: "do two 1" in world.trace())
    pool.send_signal(signal.SIGTERM)
    assert pool.wait(10) == 0
    assert world.job(job_id).status == "succeeded"
    assert world.job(later).status == "queued"
    world.start_pool()
    assert world.until_final(later).status == "succeeded"


def test_workers_that_are_told_twice_hand_their_job_back(world: World) -> None:
    job_id = world.order(locks=("a",), block="two")
    pool = world.start_pool()
    horse = world.until_blocked("two")
    [sleeper] = children_of(horse)
    begun = time.monotonic()
    pool.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    pool.send_signal(signal.SIGTERM)
    assert pool.wait(10) == 0
    assert time.monotonic() - begun < world.settings.stop_grace_seconds
    assert not is_alive(horse)
    assert not is_alive(sleeper)
    job = world.job(job_id)
    assert (job.status, job.losses, job.lease_expires_at) == ("queued", 0, None)
    assert world.trace()[-1] == "undo two 1"
    world.start_pool()
    assert world.until_final(job_id).status == "succeeded"
    assert world.nothing_is_held()


def test_workers_whose_time_is_over_hand_their_job_back(small_world: World) -> None:
    world = small_world
    job_id = world.order(block="two")
    pool = world.start_pool()
    world.until_blocked("two")
    pool.send_signal(signal.SIGTERM)
    assert pool.wait(world.settings.stop_grace_seconds + 5) == 0
    assert world.job(job_id).status == "queued"


def test_redis_may_go_and_come_back(world: World) -> None:
    running = world.order(slow="two", seconds=1.5)
    pool = world.start_pool()
    world.until(lambda: "do two 1" in world.trace())
    world.redis_server.stop()
    try:
        meanwhile = world.order("test.quick")
        assert world.until_final(running).status == "succeeded"
    finally:
        world.redis_server.start()
    # As after the sweeper's time of grace: the order was never handed over.
    with world.store.begin() as session:
        session.execute(
            update(Job).where(Job.id == meanwhile).values(handed_over_at=now() - timedelta(minutes=1))
        )
    assert world.until_final(meanwhile, 20).status == "succeeded"
    assert world.job(running).attempt == 1
    assert pool.poll() is None


def test_what_a_crash_kept_back_is_handed_over(small_world: World) -> None:
    world = small_world
    job_id = world.order("test.quick", locks=("a",))
    world.redis.flushall()
    with world.store.begin() as session:
        session.execute(update(Job).values(handed_over_at=now() - timedelta(minutes=1)))
    world.start_pool()
    assert world.until_final(job_id).status == "succeeded"


def test_a_dead_worker_is_replaced_and_a_dead_parent_leaves_nobody(small_world: World) -> None:
    world = small_world
    pool = world.start_pool(2)
    members = world.until(lambda: len(children_of(pool.pid)) == 3 and children_of(pool.pid))
    for pid in members:
        os.kill(pid, signal.SIGKILL)
    world.until(lambda: len(children_of(pool.pid)) == 3)
    members = children_of(pool.pid)
    assert world.until_final(world.order("test.quick")).status in FINAL
    pool.kill()
    pool.wait(5)
    world.until(lambda: not any(is_alive(pid) for pid in members))
    assert not Path(f"/proc/{pool.pid}").exists()
