"""One attempt: forward, backward, and what it leaves behind."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.jobs.world import SIGHT, World
from writ.jobs.context import JobContext
from writ.jobs.control import cancel_job
from writ.jobs.ledger import claim
from writ.jobs.models import Job
from writ.jobs.runner import Runner
from writ.jobs.signals import LeaseLost
from writ.store.base import now


def test_steps_run_in_order_and_hand_on_what_they_found(world: World) -> None:
    job_id = world.order(locks=("a",))
    assert world.run(job_id) == "succeeded"
    job = world.job(job_id)
    assert (job.status, job.progress, job.attempt) == ("succeeded", 100, 1)
    assert job.data == {"one": 1, "two": 1, "three": 1}
    assert job.result == {"effect": "success"}
    assert job.started_at
    assert job.finished_at
    assert job.lease_expires_at is None
    assert world.steps(job_id) == ["succeeded"] * 3
    assert world.log(job_id) == "doing one\ndoing two\ndoing three"
    assert world.nothing_is_held()


def test_a_job_is_claimed_once(world: World) -> None:
    job_id = world.order()
    assert world.run(job_id) == "succeeded"
    assert world.run(job_id) is None
    assert [line for line in world.trace() if line.startswith("do one")] == ["do one 1"]


@pytest.mark.parametrize(
    ("how", "code"),
    [("fail", "SOURCE_REF_NOT_FOUND"), ("bug", "INTERNAL_ERROR"), ("full", "DISK_FULL")],
)
def test_a_failure_undoes_what_was_done_last_first(world: World, how: str, code: str) -> None:
    job_id = world.order(locks=("a",), **{how: "two"})
    assert world.run(job_id) == "failed"
    job = world.job(job_id)
    assert job.error_code == code
    assert job.finished_at is not None
    assert "secret place" not in (job.error_message or "")
    assert ("secret place" in world.log(job_id)) == (how == "bug")
    assert world.trace() == ["do one 1", "done one 1", "do two 1", "undo two 1", "undo one 1"]
    assert world.steps(job_id) == ["undone", "failed", "pending"]
    assert job.result == {"effect": "failed"}
    assert world.nothing_is_held()


def test_an_undo_that_fails_does_not_stop_the_others(world: World) -> None:
    job_id = world.order(fail="three", undo_fails="two")
    assert world.run(job_id) == "failed"
    assert world.job(job_id).error_code == "SOURCE_REF_NOT_FOUND"
    assert world.trace()[-3:] == ["undo three 1", "undo two 1", "undo one 1"]
    assert world.steps(job_id) == ["undone", "succeeded", "failed"]
    assert "Undoing two failed" in world.log(job_id)


def test_an_effect_of_success_that_fails_makes_the_job_fail(world: World) -> None:
    job_id = world.order(effect_fails=True)
    assert world.run(job_id) == "failed"
    job = world.job(job_id)
    assert job.error_code == "INTERNAL_ERROR"
    assert world.steps(job_id) == ["undone", "undone", "failed"]
    # The effect of failure fails as well: its changes are rolled back, the end stands.
    assert job.result is None
    assert "The effects of the failure failed" in world.log(job_id)


def test_a_step_that_takes_too_long_is_stopped(world: World) -> None:
    job_id = world.order("test.hasty", block="one")
    begun = time.monotonic()
    assert world.run(job_id) == "failed"
    assert time.monotonic() - begun < 5
    assert world.job(job_id).error_code == "STEP_TIMEOUT"
    assert world.trace()[-1] == "undo one 1"


def test_a_cancellation_stops_the_running_step(world: World) -> None:
    job_id = world.order(locks=("a",), block="two")

    def cancel() -> None:
        world.until_blocked("two")
        with world.store.begin() as session:
            cancel_job(session, SIGHT, job_id)

    thread = threading.Thread(target=cancel)
    thread.start()
    begun = time.monotonic()
    assert world.run(job_id) == "cancelled"
    thread.join()
    assert time.monotonic() - begun < 10
    assert world.job(job_id).error_code == "JOB_CANCELLED"
    assert world.steps(job_id) == ["undone", "cancelled", "cancelled"]
    assert world.nothing_is_held()


def test_a_job_is_handed_back_and_carried_on(world: World) -> None:
    job_id = world.order(block="two", locks=("a",))
    stop = threading.Event()
    thread = threading.Thread(target=lambda: (world.until_blocked("two"), stop.set()))
    thread.start()
    assert world.run(job_id, hand_back=stop.is_set) == "queued"
    thread.join()
    assert world.job(job_id).lease_expires_at is None
    assert world.steps(job_id) == ["succeeded", "pending", "pending"]
    assert not world.nothing_is_held()
    assert world.run(job_id) == "succeeded"
    assert world.trace() == [
        "do one 1",
        "done one 1",
        "do two 1",
        "undo two 1",
        "do two 2",
        "done two 2",
        "do three 2",
        "done three 2",
    ]
    assert world.job(job_id).losses == 0


def test_a_worker_that_stops_lets_a_step_that_cannot_be_repeated_finish(world: World) -> None:
    job_id = world.order("test.once", slow="two", seconds=1.0)
    stop = threading.Event()
    thread = threading.Thread(target=lambda: (world.until(lambda: "do two 1" in world.trace()), stop.set()))
    thread.start()
    assert world.run(job_id, hand_back=stop.is_set) == "queued"
    thread.join()
    assert world.steps(job_id) == ["succeeded", "succeeded", "pending"]
    assert "undo two 1" not in world.trace()
    assert world.run(job_id) == "succeeded"


def test_who_lost_the_lease_writes_nothing_more(world: World) -> None:
    job_id = world.order(locks=("a",), slow="two", seconds=1.5)
    result: list[str | None] = []
    thread = threading.Thread(target=lambda: result.append(world.run(job_id)))
    thread.start()
    world.until(lambda: "do two 1" in world.trace())
    # As a sweeper sees it: the lease is over. Expiring it by hand races the keeper, so take the row directly.
    with world.store.begin() as session:
        session.execute(
            update(Job).where(Job.id == job_id).values(attempt=2, lease_expires_at=now() + timedelta(hours=1))
        )
    thread.join()
    assert result == ["lost"]
    assert "done two 1" in world.trace()
    assert "do three 1" not in world.trace()
    job = world.job(job_id)
    assert (job.status, job.attempt, job.data) == ("running", 2, {"one": 1})
    assert world.steps(job_id) == ["succeeded", "running", "pending"]


def test_every_write_of_an_old_attempt_is_refused(world: World) -> None:
    job_id = world.order(locks=("a",))
    old = claim(world.store, job_id, owner="old:1", lease_seconds=-1)
    assert old is not None
    world.sweep()
    new = claim(world.store, job_id, owner="new:1", lease_seconds=60)
    assert new is not None
    assert (old.attempt, new.attempt) == (1, 2)
    context = JobContext(old, world.store, world.services)
    with pytest.raises(LeaseLost):
        context.keep(late=True)
    with pytest.raises(LeaseLost), context.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(backup_id=job_id))
    # Without its keeper, which would notice by itself: the writes alone have to stop it.
    assert Runner(old, world.services, lambda: False).run(watched=False) == "lost"
    job = world.job(job_id)
    assert (job.data, job.backup_id, job.lease_owner) == ({}, None, "new:1")
    assert world.steps(job_id) == ["pending"] * 3
    JobContext(new, world.store, world.services).keep(early=True)
    assert world.job(job_id).data == {"early": True}


def test_what_is_kept_survives_a_step_that_was_cut_off(world: World) -> None:
    job_id = world.order(keep="one", fail="two")
    assert world.run(job_id) == "failed"
    assert world.job(job_id).data["kept"] == "one"


def test_undoing_goes_on_where_it_was_cut_off(world: World) -> None:
    job_id = world.order(fail="three")
    with world.store.begin() as session:
        session.execute(
            update(Job).where(Job.id == job_id).values(ending="failed", error_code="DISK_FULL", attempt=1)
        )
    assert world.run(job_id) == "failed"
    assert world.trace() == []
    assert world.job(job_id).error_code == "DISK_FULL"


def test_a_kind_with_other_steps_than_the_job_fails_it(world: World) -> None:
    job_id = world.order("test.quick", locks=("a",))
    with world.store.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(kind="test.three"))
    assert world.run(job_id) == "failed"
    assert world.job(job_id).error_code == "INTERNAL_ERROR"
    assert world.nothing_is_held()
