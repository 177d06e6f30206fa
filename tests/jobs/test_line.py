"""Orders, their lines, and the sweeper, without workers."""

from __future__ import annotations

import threading
from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from tests.jobs.world import World
from writ.jobs import transport
from writ.jobs.models import Job, JobHold
from writ.jobs.order import order
from writ.store.base import now


def entries(world: World) -> list[str]:
    return [entry.decode() for entry in world.redis.lrange("rq:queue:writ", 0, -1)]


def waiting(world: World) -> list[str]:
    """The jobs that RQ has been handed, whatever the entries are called."""
    return [entry[:36] for entry in entries(world)]


def test_an_order_is_handed_over_under_its_own_id(world: World) -> None:
    job_id = world.order()
    assert entries(world) == [str(job_id)]


def test_what_is_rolled_back_is_not_handed_over(world: World) -> None:
    with pytest.raises(RuntimeError), world.store.begin() as session:  # noqa: PT012
        order(session, "test.quick")
        raise RuntimeError
    assert waiting(world) == []
    with world.store.read() as connection:
        assert connection.execute(select(Job.id)).all() == []


def test_jobs_on_one_resource_wait_for_each_other(world: World) -> None:
    first, second, other = world.order(locks=("a",)), world.order(locks=("a", "b")), world.order(locks=("c",))
    third = world.order(locks=("b",))
    assert waiting(world) == [str(first), str(other)]
    # The third waits for the second on b, though nobody works on b yet: nobody is overtaken.
    assert world.run(second) is None
    assert world.run(third) is None
    assert world.run(first) == "succeeded"
    assert waiting(world) == [str(first), str(other), str(second)]
    assert world.run(third) is None
    assert world.run(second) == "succeeded"
    assert waiting(world)[-1] == str(third)
    assert world.run(third) == "succeeded"


def test_the_database_admits_one_holder(world: World) -> None:
    first, second = world.order(locks=("a",)), world.order(locks=("a",))
    with world.store.begin() as session:
        session.execute(insert(JobHold).values(resource="a", job_id=second, attempt=1))
    # Even when the line lets it pass, the primary key does not.
    assert world.run(first) is None
    assert world.job(first).status == "queued"
    assert world.job(first).attempt == 0
    with pytest.raises(IntegrityError), world.store.begin() as session:
        session.execute(insert(JobHold).values(resource="a", job_id=first, attempt=1))


def test_two_workers_cannot_claim_one_job(world: World) -> None:
    job_id = world.order("test.three", locks=("a",))
    results: list[str | None] = []
    barrier = threading.Barrier(6)

    def work() -> None:
        barrier.wait()
        results.append(world.run(job_id))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results, key=str) == [None] * 5 + ["succeeded"]
    assert world.job(job_id).attempt == 1


def test_orders_of_many_threads_are_numbered_as_they_are_committed(world: World) -> None:
    committed: list[tuple[int, str]] = []
    guard = threading.Lock()

    def place() -> None:
        for _ in range(8):
            with world.store.begin() as session:
                job_id = order(session, "test.quick", locks=("b", "a"))
                sequence = session.scalars(select(Job.sequence).where(Job.id == job_id)).one()
                # Still inside: with the lines locked, nobody else can be here with a number.
                with guard:
                    committed.append((sequence, str(job_id)))

    threads = [threading.Thread(target=place) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(committed) == 32
    assert [number for number, _ in committed] == sorted(number for number, _ in committed)
    assert waiting(world) == [committed[0][1]]


def test_an_order_without_redis_is_accepted_and_swept_up(world: World) -> None:
    with transport.make_client("redis://127.0.0.1:1/0") as nowhere:
        transport.use(world.store, nowhere)
        job_id = world.order()
    assert waiting(world) == []
    assert world.sweep().handed_over == 0
    expire_hand_over(world)
    assert world.sweep().handed_over == 1
    assert waiting(world) == [str(job_id)]
    # It is known now: neither this sweep nor one after the time of grace hands it over again.
    expire_hand_over(world)
    assert world.sweep().handed_over == 0
    assert waiting(world) == [str(job_id)]


def test_the_sweeper_hands_over_nobody_who_waits(world: World) -> None:
    world.order(locks=("a",))
    world.order(locks=("a",))
    world.redis.flushall()
    expire_hand_over(world)
    assert world.sweep().handed_over == 1


def test_a_lost_job_is_queued_again_and_keeps_what_it_holds(world: World) -> None:
    job_id = world.order(locks=("a",), block="two")
    follower = world.order(locks=("a",))
    lose(world, job_id)
    assert world.sweep().recovered == 1
    job = world.job(job_id)
    assert (job.status, job.attempt, job.losses) == ("queued", 1, 1)
    assert any(entry.startswith(f"{job_id}-1") for entry in entries(world))
    assert world.run(follower) is None
    with world.store.read() as connection:
        assert connection.execute(select(JobHold.job_id)).scalars().all() == [job_id]
    assert world.sweep().recovered == 0


def test_sweepers_on_several_machines_count_a_loss_once(world: World) -> None:
    job_id = world.order(locks=("a",))
    lose(world, job_id)
    reports = []
    threads = [threading.Thread(target=lambda: reports.append(world.sweep())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(report.recovered for report in reports) == 1
    assert world.job(job_id).losses == 1


def test_a_job_that_loses_every_worker_fails_in_the_end(world: World) -> None:
    job_id = world.order(locks=("a",))
    with world.store.begin() as session:
        session.execute(update(Job).values(losses=world.settings.job_max_attempts, attempt=3))
    assert world.run(job_id) == "failed"
    assert world.job(job_id).error_code == "WORKER_LOST"
    assert world.nothing_is_held()


def test_a_job_of_an_unknown_kind_fails(world: World) -> None:
    job_id = world.order("test.quick", locks=("a",))
    follower = world.order("test.quick", locks=("a",))
    with world.store.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(kind="test.forgotten"))
    assert world.sweep().unknown == 1
    job = world.job(job_id)
    assert (job.status, job.error_code) == ("failed", "INTERNAL_ERROR")
    assert "test.forgotten" in (job.error_message or "")
    assert waiting(world)[-1] == str(follower)


def test_orders_of_an_unknown_kind_are_refused_at_once(world: World) -> None:
    with pytest.raises(KeyError), world.store.begin() as session:
        order(session, "test.never_registered", environment_id=uuid4())


def expire_hand_over(world: World) -> None:
    """As if the last hand-over were a minute ago."""
    with world.store.begin() as session:
        session.execute(update(Job).values(handed_over_at=now() - timedelta(minutes=1)))


def lose(world: World, job_id: object) -> None:
    """As a worker leaves a job that dies with it: running, with a lease that nobody renews."""
    from writ.jobs.ledger import claim

    assert claim(world.store, job_id, owner="dead:1", lease_seconds=-1) is not None  # type: ignore[arg-type]
    assert isinstance(world.services, SimpleNamespace)
