"""What people see of jobs and do to them: lists, logs, cancellation, retry, events."""

from __future__ import annotations

import asyncio
import threading
import time
from uuid import UUID, uuid4

import orjson
import pytest
from sqlalchemy import update

from tests.jobs.world import SIGHT, World
from writ.contract.errors import Refusal
from writ.jobs import reading
from writ.jobs.control import cancel_job, retry_job
from writ.jobs.models import Job
from writ.jobs.streaming import follow_job

PAGE = {"limit": 20, "sort": "-created_at"}


def listed(world: World, **query: object) -> dict[str, object]:
    with world.store.read() as connection:
        return reading.list_jobs(connection, SIGHT, PAGE | query)


def cancel(world: World, job_id: UUID) -> None:
    with world.store.begin() as session:
        cancel_job(session, SIGHT, job_id)


def test_a_job_is_shown_as_the_contract_says(world: World) -> None:
    job_id = world.order(fail="one")
    world.run(job_id)
    with world.store.read() as connection:
        shown = reading.get_job(connection, SIGHT, job_id)
    assert set(shown) == {
        *("id", "kind", "status", "site_id", "environment_id", "backup_id", "retry_of", "cancel_requested"),
        *("error_code", "error_message", "progress", "steps", "result"),
        *("created_at", "started_at", "finished_at"),
    }
    assert shown["error_code"] == "source_ref_not_found"
    assert [set(step) for step in shown["steps"]] == [{"name", "status", "started_at", "finished_at"}] * 3
    assert [step["name"] for step in shown["steps"]] == ["one", "two", "three"]
    orjson.dumps(shown)


def test_pages_hold_every_job_once(world: World) -> None:
    ids = [world.order("test.quick") for _ in range(7)]
    for sort, expected in (("created_at", ids), ("-created_at", ids[::-1])):
        seen: list[UUID] = []
        query: dict[str, object] = {"limit": 3, "sort": sort}
        while True:
            page = listed(world, **query)
            seen += [job["id"] for job in page["data"]]  # type: ignore[index, attr-defined]
            cursor = page["pagination"]["next_cursor"]  # type: ignore[index]
            if cursor is None:
                break
            query["cursor"] = cursor
        assert seen == expected


def test_lists_are_filtered(world: World) -> None:
    site = uuid4()
    first, second = world.order("test.quick"), world.order("test.three")
    world.run(second)
    with world.store.begin() as session:
        session.execute(update(Job).where(Job.id == first).values(site_id=site))
    for query, expected in (
        ({"status": "succeeded"}, [second]),
        ({"kind": "test.quick"}, [first]),
        ({"site_id": site}, [first]),
        ({"site_id": site, "status": "failed"}, []),
        ({"environment_id": uuid4()}, []),
    ):
        assert [job["id"] for job in listed(world, **query)["data"]] == expected  # type: ignore[attr-defined]


def test_a_strange_cursor_is_refused(world: World) -> None:
    with pytest.raises(Refusal, match="CURSOR_INVALID"):
        listed(world, cursor="abc")


def test_the_log_is_numbered_from_one(world: World) -> None:
    job_id = world.order()
    world.run(job_id)
    with world.store.read() as connection:
        first = reading.get_job_log(connection, SIGHT, job_id, {"limit": 2})
        cursor = first["pagination"]["next_cursor"]
        rest = reading.get_job_log(connection, SIGHT, job_id, {"limit": 2, "cursor": cursor})
    lines = first["data"] + rest["data"]
    assert [(line["sequence"], line["step"]) for line in lines] == [(1, "one"), (2, "two"), (3, "three")]
    assert rest["pagination"]["next_cursor"] is None


def test_what_does_not_exist_is_not_found(world: World) -> None:
    with world.store.read() as connection:
        with pytest.raises(Refusal, match="JOB_NOT_FOUND"):
            reading.get_job(connection, SIGHT, uuid4())
        with pytest.raises(Refusal, match="JOB_NOT_FOUND"):
            reading.get_job_log(connection, SIGHT, uuid4(), {"limit": 2})
    with pytest.raises(Refusal, match="JOB_NOT_FOUND"):
        cancel(world, uuid4())


def test_a_queued_job_is_cancelled_at_once_and_lets_the_next_one_in(world: World) -> None:
    first, second = world.order(locks=("a",)), world.order(locks=("a",))
    cancel(world, first)
    job = world.job(first)
    assert (job.status, job.error_code, job.result) == ("cancelled", "JOB_CANCELLED", {"effect": "cancelled"})
    assert world.steps(first) == ["cancelled"] * 3
    assert world.redis.lrange("rq:queue:writ", 0, -1)[-1].decode().startswith(str(second))
    assert world.run(first) is None
    assert world.run(second) == "succeeded"
    assert "do one 1" in world.trace()


def test_a_queued_job_that_had_begun_undoes_what_it_did(world: World) -> None:
    job_id = world.order(locks=("a",), block="two")
    stop = threading.Event()
    thread = threading.Thread(target=lambda: (world.until_blocked("two"), stop.set()))
    thread.start()
    assert world.run(job_id, hand_back=stop.is_set) == "queued"
    thread.join()
    cancel(world, job_id)
    assert world.job(job_id).status == "queued"
    assert world.run(job_id) == "cancelled"
    assert world.trace()[-1] == "undo one 2"
    assert "do two 2" not in world.trace()
    assert world.nothing_is_held()


@pytest.mark.parametrize("parameters", [{}, {"fail": "one"}])
def test_what_has_ended_cannot_be_cancelled(world: World, parameters: dict[str, str]) -> None:
    job_id = world.order(**parameters)
    world.run(job_id)
    with pytest.raises(Refusal, match="JOB_NOT_CANCELLABLE"):
        cancel(world, job_id)


def test_a_failed_job_is_ordered_again(world: World) -> None:
    job_id, person = world.order(locks=("a",), fail="two"), uuid4()
    with pytest.raises(Refusal, match="JOB_NOT_RETRYABLE"), world.store.begin() as session:
        retry_job(session, SIGHT, job_id)
    world.run(job_id)
    with world.store.begin() as session:
        new = retry_job(session, SIGHT, job_id, created_by=person)
    old, again = world.job(job_id), world.job(new)
    assert (again.retry_of, again.created_by, again.status) == (job_id, person, "queued")
    assert (again.parameters, again.locks) == (old.parameters, ["a"])
    assert world.run(new) == "failed"


def events_of(world: World, job_id: UUID, after: int = 0) -> list[tuple[str, int | None, dict[str, object]]]:
    async def collect() -> bytes:
        return b"".join([part async for part in follow_job(world.store, SIGHT, job_id, after)])

    found = []
    for block in asyncio.run(collect()).decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            number = int(fields["id"]) if "id" in fields else None
            found.append((fields["event"], number, orjson.loads(fields["data"])))
    return found


def test_events_tell_a_job_from_its_order_to_its_end(world: World) -> None:
    job_id = world.order(slow="two", seconds=0.8)
    thread = threading.Thread(target=lambda: (time.sleep(0.5), world.run(job_id)))
    thread.start()
    events = events_of(world, job_id)
    thread.join()
    states = [data["status"] for name, _, data in events if name == "job"]
    assert states[0] == "queued"
    assert "running" in states
    assert states[-1] == "succeeded"
    assert [number for name, number, _ in events if name == "log"] == [1, 2, 3]
    assert events[-1] == ("end", None, {})
    assert events[-2][0] == "job"


def test_events_go_on_after_the_last_one_received(world: World) -> None:
    job_id = world.order()
    world.run(job_id)
    assert [(name, number) for name, number, _ in events_of(world, job_id, after=2)] == [
        ("log", 3),
        ("job", None),
        ("end", None),
    ]


def test_a_page_among_many_jobs_uses_an_index(small_world: World) -> None:
    world = small_world
    columns = {"status": "failed", "kind": "test.quick", "site_id": uuid4(), "environment_id": uuid4()}
    with world.store.read() as connection:
        driver = connection.connection.dbapi_connection
        for name, value in [("sort", "-created_at"), *columns.items()]:
            # What SQLite itself was asked, however the product asked it.
            asked: list[str] = []
            driver.set_trace_callback(asked.append)
            reading.list_jobs(connection, SIGHT, PAGE | {name: value})
            driver.set_trace_callback(None)
            seen = [
                row.detail
                for sql in asked
                if "FROM jobs" in sql
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")
            ]
            assert seen
            assert all("USING INDEX" in detail for detail in seen), (name, seen)
            assert not any("TEMP B-TREE" in detail for detail in seen), (name, seen)
