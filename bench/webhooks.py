"""Webhooks: deliveries a second, each one recorded, and none lost, beside a job a delivery and the limit."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson
from sqlalchemy import select

from bench import table
from bench.home import Home, seed
from bench.load import Measured
from bench.servers import Child, Redis, environment
from writ.access.models import DEFAULT_ORGANIZATION_ID, User
from writ.events.envelope import event_name
from writ.events.subscriptions import create_webhook
from writ.gateway.call import Actor
from writ.settings import Settings
from writ.store.base import new_id, now
from writ.store.batch import time_text
from writ.store.secrets import Sealer
from writ.store.work import Store

ALL, PACED, KILLED = "deliveries, all at once", "deliveries, commit to receipt", "deliveries, killed 3 times"
WEBHOOKS = 5
AIM = 3_000.0
SECRET = "bench-only-secret-bench-only-secret"
TRUSTED = "127.0.0.0/8"


class Receivers(Child):
    """Five endpoints in a process of their own."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "ports.json"
        argv = [sys.executable, "-m", "bench.peers.receiver", str(self.file), str(WEBHOOKS)]
        super().__init__(argv, environment(), folder / "receiver.log")
        until(self.file.exists, "the receivers did not start", 20)
        self.ports: list[int] = json.loads(self.file.read_text())
        self.urls = [f"http://127.0.0.1:{port}/hook" for port in self.ports]

    def ask(self, what: str) -> Any:
        """`count` or `notes`."""
        with urlopen(f"http://127.0.0.1:{self.ports[0]}/{what}") as answer:
            return json.load(answer)


def until(condition: Callable[[], bool], what: str, seconds: float = 300.0) -> None:
    """Wait for a condition. Raises TimeoutError."""
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            raise TimeoutError(what)
        time.sleep(0.05)


def prepare(folder: Path, urls: list[str]) -> Home:
    """A home with a webhook for each address, that hears of everything."""
    home = seed(folder, jobs=0)
    settings = Settings(home=folder, secret_key=SECRET, trusted_networks=TRUSTED)
    store = Store(settings.database, pool_size=1)
    with store.begin() as session:
        user = session.scalars(select(User.id)).one()
        actor = Actor(user, "session", "", "owner", frozenset(), organization_id=DEFAULT_ORGANIZATION_ID)
        for url in urls:
            body = {"webhook_url": url, "event_types": ["*"]}
            create_webhook(session, actor, Sealer(settings.secret()), settings.trusted_networks, body)
    store.close()
    return home


def publish(home: Home, count: int) -> dict[str, float]:
    """Write so many events in one transaction; when each was committed, by the name that receivers see."""
    database = sqlite3.connect(home.database, timeout=30, isolation_level=None)
    data = orjson.dumps({"id": str(new_id()), "slug": "production", "note": "y" * 400}).decode()
    ids = [new_id() for _ in range(count)]
    moment = time_text(now())
    rows = [
        (i.hex, "environment.deployed", DEFAULT_ORGANIZATION_ID.hex, f"environment:{i}", data, moment)
        for i in ids
    ]
    database.execute("BEGIN IMMEDIATE")
    database.executemany(
        "INSERT INTO events (id, type, organization_id, subject, data, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        rows,
    )
    database.execute("COMMIT")
    committed = time.time()
    database.close()
    return {event_name(i): committed for i in ids}


def pump(home: Home) -> Child:
    """The product's own process."""
    variables = environment(
        WRIT_HOME=str(home.folder),
        WRIT_SECRET_KEY=SECRET,
        WRIT_TRUSTED_NETWORKS=TRUSTED,
        WRIT_LOG_LEVEL="error",
    )
    return Child([sys.executable, "-m", "writ.cli", "pump"], variables, home.folder / "pump.log")


def processor_seconds(pid: int) -> float:
    """What a process has used of the processors, in all of its threads; of Linux only."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ended(home: Home, deliveries: int) -> Callable[[], bool]:
    """Whether so many rows say that they were delivered."""

    def ask() -> bool:
        with sqlite3.connect(home.database, timeout=30) as database:
            (found,) = database.execute(
                "SELECT count(*) FROM webhook_deliveries WHERE status = 'delivered'"
            ).fetchone()
        return bool(found >= deliveries)

    return ask


def measure(
    server: str, request: str, receivers: Receivers, committed: dict[str, float], seconds: float
) -> dict[str, Any]:
    """A row of what the receivers saw, and what was lost and told twice."""
    notes = receivers.ask("notes")
    seen = Counter((name, port) for _, name, port in notes if name in committed)
    first: dict[tuple[str, int], float] = {}
    for at, name, port in notes:
        if name in committed:
            first.setdefault((name, port), at - committed[name])
    waits = sorted(1000 * wait for wait in first.values())
    rate = len(seen) / seconds
    found = table.row(server, request, Measured(rate, waits[len(waits) // 2], waits[len(waits) * 99 // 100]))
    lost = WEBHOOKS * len(committed) - len(seen)
    return {**found, "lost": lost, "twice": sum(seen.values()) - len(seen)}


def all_at_once(folder: Path, events: int) -> dict[str, Any]:
    """From the first commit to the last row that says delivered."""
    folder.mkdir()
    with ExitStack() as stack:
        receivers = stack.enter_context(Receivers(folder))
        home = prepare(folder / "home", receivers.urls)
        engine = stack.enter_context(pump(home))
        publish(home, 1)
        until(ended(home, WEBHOOKS), "the pump did not start")
        used = processor_seconds(engine.process.pid)
        committed = publish(home, events)
        begun = time.time()
        until(lambda: receivers.ask("count") >= WEBHOOKS * (events + 1), "not all was received")
        until(ended(home, WEBHOOKS * (events + 1)), "not all was recorded")
        found = measure("writ", ALL, receivers, committed, time.time() - begun)
        used = processor_seconds(engine.process.pid) - used
        return {**found, "processor_us": round(used / (WEBHOOKS * events) * 1e6, 1)}


def paced(folder: Path, seconds: float, rate: float) -> dict[str, Any]:
    """From commit to receipt while so many deliveries a second are asked for."""
    folder.mkdir()
    with ExitStack() as stack:
        receivers = stack.enter_context(Receivers(folder))
        home = prepare(folder / "home", receivers.urls)
        stack.enter_context(pump(home))
        publish(home, 1)
        until(ended(home, WEBHOOKS), "the pump did not start")
        committed: dict[str, float] = {}
        begun = time.time()
        while (at := time.time() - begun) < seconds:
            wanted = int(at * rate / WEBHOOKS) - len(committed)
            if wanted > 0:
                committed |= publish(home, wanted)
            time.sleep(0.01)
        until(ended(home, WEBHOOKS * (len(committed) + 1)), "not all was recorded")
        return measure("writ", PACED, receivers, committed, time.time() - begun)


def killed(folder: Path, events: int) -> dict[str, Any]:
    """All at once, with the engine killed three times in the middle of it."""
    folder.mkdir()
    with ExitStack() as stack:
        receivers = stack.enter_context(Receivers(folder))
        home = prepare(folder / "home", receivers.urls)
        committed = publish(home, events)
        begun = time.time()
        total = WEBHOOKS * events
        for part in (1, 2, 3):
            engine = pump(home)
            stack.callback(engine.stop)
            until(lambda part=part: receivers.ask("count") >= total * part // 4, "too little was received")  # type: ignore[misc]
            os.killpg(engine.process.pid, signal.SIGKILL)
            engine.process.wait()
        stack.enter_context(pump(home))
        until(ended(home, total), "not all was recorded")
        return measure("writ", KILLED, receivers, committed, time.time() - begun)


def usual(folder: Path, events: int) -> dict[str, Any]:
    """A job of RQ for each delivery, requests, and two of its workers."""
    from redis import Redis as Client
    from rq import Queue

    folder.mkdir()
    path = folder / "usual.db"
    with ExitStack() as stack:
        receivers = stack.enter_context(Receivers(folder))
        redis = stack.enter_context(Redis(folder))
        client = stack.enter_context(Client.from_url(redis.url))
        database = sqlite3.connect(path, isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE deliveries (id INTEGER PRIMARY KEY, status, code, body)")
        queue = Queue("webhooks", connection=client)
        body = json.dumps({"id": "x", "data": {"note": "y" * 400}})
        committed: dict[str, float] = {}
        for number in range(events):
            name = event_name(new_id())
            for url in receivers.urls:
                row = database.execute("INSERT INTO deliveries (status) VALUES ('pending')").lastrowid
                queue.enqueue("bench.peers.rq_webhook.deliver", row, url, name, body, result_ttl=0)
            committed[name] = time.time()
            del number
        variables = environment(BENCH_DATABASE=str(path))
        argv = [sys.executable, "-m", "rq.cli", "worker", "-q", "--url", redis.url, "webhooks"]
        begun = time.time()
        for _ in range(2):
            stack.enter_context(Child(argv, variables, folder / "worker.log"))
        total = WEBHOOKS * events

        def recorded() -> bool:
            (found,) = database.execute(
                "SELECT count(*) FROM deliveries WHERE status = 'delivered'"
            ).fetchone()
            return bool(found >= total)

        until(recorded, "RQ did not deliver all")
        notes = receivers.ask("notes")
        seconds = max(at for at, _, _ in notes) - min(at for at, _, _ in notes)
        del begun
        return measure("rq", ALL, receivers, committed, seconds)


def limit(folder: Path, count: int) -> dict[str, Any]:
    """The same client, the same signed bytes, and no rows."""
    folder.mkdir()
    with Receivers(folder) as receivers:
        argv = [sys.executable, "-m", "bench.peers.posting", str(count), *map(str, receivers.ports)]
        done = subprocess.run(argv, env=environment(), check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
        used = found.pop("processor_us")
        return {**table.row("limit", ALL, Measured(**found)), "processor_us": round(used, 1)}


def main() -> None:
    """The command `./scripts/bench webhooks`."""
    parser = argparse.ArgumentParser(prog="bench webhooks", description=__doc__)
    parser.add_argument(
        "--events", type=int, default=4_000, help="events, five deliveries each (default 4000)"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="length of the paced round (default 5)")
    parser.add_argument(
        "--rate", type=float, default=1_000.0, help="deliveries a second in it (default 1000)"
    )
    parser.add_argument("--jobs", type=int, default=60, help="events for RQ (default 60)")
    parser.add_argument("--only", help="by comma: all, paced, killed, rq, limit")
    parser.add_argument("--quick", action="store_true", help="a few of each: only that it runs")
    options = parser.parse_args()
    if options.quick:
        options.events, options.seconds, options.jobs = 200, 1.0, 4
    folder = Path(tempfile.mkdtemp(prefix="writ-bench-"))
    rounds: dict[str, Callable[[], dict[str, Any]]] = {
        "all": lambda: all_at_once(folder / "all", options.events),
        "limit": lambda: limit(folder / "limit", WEBHOOKS * options.events),
        "rq": lambda: usual(folder / "rq", options.jobs),
        "paced": lambda: paced(folder / "paced", options.seconds, options.rate),
        "killed": lambda: killed(folder / "killed", options.events),
    }
    try:
        rows = [rounds[name]() for name in (options.only.split(",") if options.only else rounds)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    against = table.ratios(rows)
    conditions = (
        f"{options.events} events, {WEBHOOKS} webhooks each; one engine, one process of receivers, SQLite;"
        f" rq: {options.jobs} events, 2 workers"
    )
    table.show(conditions, rows, against)
    for row in rows:
        if "processor_us" in row:
            print(f"{row['server']}: {row['processor_us']:.0f} us of processor a delivery")
        if "lost" in row:
            print(f"{row['server']}, {row['request']}: {row['lost']} lost, {row['twice']} told twice")
        if (row["server"], row["request"]) == ("writ", ALL):
            met = "met" if row["rps"] >= AIM else "MISSED"
            print(f"{row['rps']:,.0f} deliveries a second, aim {AIM:,.0f}: {met}")
    if not options.only:
        print(f"written to {table.write('webhooks', rows, against, conditions=conditions)}")


if __name__ == "__main__":
    main()
