"""Jobs: orders accepted a second, time from 202 to running, and empty jobs a second beside bare RQ."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx
import redis
from rq import Queue
from rq.job import Job as Entry
from rq.registry import FinishedJobRegistry
from sqlalchemy import func, select

from bench import table
from bench.home import Home, seed
from bench.load import Measured, Request, press
from bench.peers.empty import KIND
from bench.peers.noop import noop
from bench.peers.rq import QUEUE
from bench.servers import Child, Redis, Server, environment
from writ.jobs import transport
from writ.jobs.models import FINAL, SUCCEEDED, Job
from writ.jobs.order import order
from writ.settings import Settings
from writ.store.work import Store

ACCEPTED, STARTED, EMPTY = "POST a deploy, each on its own environment", "202 to running", "empty jobs"
MANY_ENVIRONMENTS = 10_000


def until(condition: Callable[[], bool], what: str, seconds: float = 120.0) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: it did not come true in time.
    """
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            raise TimeoutError(what)
        time.sleep(0.02)


def workers(home: Home, url: str, count: int) -> Child:
    """The product's pool of workers on this home, with the bench's kind registered."""
    variables = environment(
        WRIT_HOME=str(home.folder), WRIT_REDIS_URL=url, WRIT_SITES_PORT="8081", WRIT_STOP_GRACE_SECONDS="2"
    )
    argv = [sys.executable, "-m", "bench.peers.empty", str(count)]
    return Child(argv, variables, home.folder / "workers.log")


def accepted(folder: Path, seconds: float, count: int) -> dict[str, Any]:
    """Orders accepted a second: every one of them is first in its line, so every one goes to RQ."""
    home = seed(folder / "orders", jobs=0, environments=MANY_ENVIRONMENTS)
    asked = Request(
        ACCEPTED,
        "POST",
        [f"/api/environments/{environment_id}/deploy" for environment_id in home.environments],
        {"Cookie": f"session_token={home.token}", "Content-Type": "application/json"},
        json.dumps({"source_type": "git", "source_ref": "https://git.example.com/site.git#main"}),
    )
    with ExitStack() as stack:
        server_redis = stack.enter_context(Redis(home.folder))
        server = Server("writ", home.folder, server_redis.url)
        stack.enter_context(server)
        server.wait("/readyz", {})
        found = [press(server.url, asked, seconds) for _ in range(count)]
    return table.row("writ", ACCEPTED, table.middle(found))


def started(folder: Path, orders: int, count: int) -> dict[str, Any]:
    """Time from the answer 202 to the moment that the job's row says it began, one order after the other."""
    home = seed(folder / "started", jobs=0)
    path = f"/api/environments/{home.environments[0]}/cache/purge"
    times: list[float] = []
    with ExitStack() as stack:
        server_redis = stack.enter_context(Redis(home.folder))
        server = Server("writ", home.folder, server_redis.url)
        stack.enter_context(server)
        server.wait("/readyz", {})
        stack.enter_context(workers(home, server_redis.url, count))
        client = stack.enter_context(
            httpx.Client(base_url=server.url, headers={"Cookie": f"session_token={home.token}"}, timeout=30)
        )
        begun_at = time.monotonic()
        for number in range(orders + 1):
            answer = client.post(path)
            answered = time.time()
            answer.raise_for_status()
            job = _finished(client, answer.json()["job_id"])
            begun = datetime.fromisoformat(job["started_at"]).timestamp()
            # The first order waits for the workers to start; a job may begin before its 202 has arrived.
            if number:
                times.append(max(0.0, begun - answered) * 1000)
    # One order after the other, each waited for: how many a second says how long one takes from end to end.
    rate = (orders + 1) / (time.monotonic() - begun_at)
    found = table.row("writ", STARTED, Measured(rate, median(times), quantiles(times, n=100)[-1]))
    return {**found, "p95_ms": round(quantiles(times, n=20)[-1], 3)}


def _finished(client: httpx.Client, job_id: str) -> dict[str, Any]:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        job: dict[str, Any] = client.get(f"/api/jobs/{job_id}").json()
        if job["status"] in FINAL:
            return job
        time.sleep(0.02)
    raise TimeoutError(f"the job {job_id} did not end")


def empty_jobs(folder: Path, jobs: int, count: int) -> dict[str, Any]:
    """Empty jobs through the whole engine: claim, lease, step, log, end, all in the database."""
    home = seed(folder / "empty", jobs=0)
    with ExitStack() as stack:
        server_redis = stack.enter_context(Redis(home.folder))
        settings = Settings(home=home.folder, redis_url=server_redis.url)
        store = Store(settings.database, pool_size=2)
        stack.callback(store.close)
        transport.use(store, transport.make_client(server_redis.url))
        stack.callback(transport.use, None, None)
        for _ in range(jobs):
            with store.begin() as session:
                order(session, KIND)
        stack.enter_context(workers(home, server_redis.url, count))
        ended = select(func.count()).where(Job.status == SUCCEEDED)

        def all_ended() -> bool:
            with store.read() as connection:
                return connection.execute(ended).scalar_one() == jobs

        until(all_ended, "the empty jobs did not end", 60 + jobs)
        with store.read() as connection:
            times = connection.execute(
                select(Job.started_at, Job.finished_at).where(Job.kind == KIND).order_by(Job.started_at)
            ).all()
    return _through("writ", [(row.started_at, row.finished_at) for row in times])


def bare_rq(folder: Path, jobs: int, count: int) -> dict[str, Any]:
    """The same number of empty functions through RQ alone, with as many of its workers."""
    folder = folder / "rq"
    folder.mkdir()
    with ExitStack() as stack:
        server_redis = stack.enter_context(Redis(folder))
        client = stack.enter_context(redis.Redis.from_url(server_redis.url))
        queue = Queue(QUEUE, connection=client)
        ids = [queue.enqueue(noop, result_ttl=600).id for _ in range(jobs)]
        variables = environment(WRIT_REDIS_URL=server_redis.url)
        for _ in range(count):
            argv = [sys.executable, "-m", "bench.peers.rq"]
            stack.enter_context(Child(argv, variables, folder / "workers.log"))
        registry = FinishedJobRegistry(queue=queue)
        until(lambda: registry.count == jobs, "RQ's jobs did not end", 60 + jobs)
        entries = Entry.fetch_many(ids, connection=client)
        times = sorted((e.started_at, e.ended_at) for e in entries if e and e.started_at and e.ended_at)
    return _through("rq", times)


def _through(server: str, times: list[tuple[Any, Any]]) -> dict[str, Any]:
    # From the first start to the last end: what the processes need to come up is not counted.
    begun, ended = times[0][0], max(end for _, end in times)
    lasted = sorted((end - start).total_seconds() * 1000 for start, end in times)
    rate = len(times) / (ended - begun).total_seconds()
    return table.row(server, EMPTY, Measured(rate, median(lasted), lasted[len(lasted) * 99 // 100]))


def main() -> None:
    """The command `./scripts/bench jobs`."""
    parser = argparse.ArgumentParser(prog="bench jobs", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="length of one round of orders (default 4)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds of orders (default 3)")
    parser.add_argument("--jobs", type=int, default=300, help="empty jobs (default 300)")
    parser.add_argument("--orders", type=int, default=40, help="orders whose start is timed (default 40)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes (default 2)")
    parser.add_argument("--quick", action="store_true", help="a few of each: only that it runs")
    options = parser.parse_args()
    if options.quick:
        options.seconds, options.rounds, options.jobs, options.orders = 1.0, 1, 20, 5
    folder = Path(tempfile.mkdtemp(prefix="writ-bench-"))
    try:
        rows = [
            accepted(folder, options.seconds, options.rounds),
            started(folder, options.orders, options.workers),
            empty_jobs(folder, options.jobs, options.workers),
            bare_rq(folder, options.jobs, options.workers),
        ]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    against = table.ratios(rows)
    conditions = (
        f"{options.workers} workers, a process for each job; {options.jobs} empty jobs;"
        " SQLite and a real Redis"
    )
    table.show(conditions, rows, against)
    timed = next(r for r in rows if r["request"] == STARTED)
    print(f"from 202 to running: p50 {timed['p50_ms']:.0f} ms, p95 {timed['p95_ms']:.0f} ms")
    print(f"written to {table.write('jobs', rows, against, conditions=conditions)}")


if __name__ == "__main__":
    main()
