"""The audit log among millions of entries: how long a page takes, and what recording costs.

    PYTHONPATH=src:generated .venv/bin/python -m bench.audit [--rows N] [--database-url URL] [--folder F]

Not part of `./scripts/bench`: it fills a disk with gigabytes. It makes a log of its own in a folder that it
deletes; a database that is named must be empty, and what is made there stays. Pages are read by the function
that answers GET /v1/audit-log, each with filters that find much, little, and nothing.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import insert, text
from writ_contract.operations import OPERATIONS as CONTRACT

from writ.gateway.call import Actor
from writ.gateway.trace import Trace
from writ.records.collecting import Collector
from writ.records.entry import COLUMNS, make_line, time_of
from writ.records.journal import Journal
from writ.records.models import AuditEntry, PendingEntry
from writ.records.reading import read_log
from writ.store.base import SmallUuid, UtcDateTime, new_id
from writ.store.lease import Lease
from writ.store.migrate import upgrade
from writ.store.work import Store

ORGANIZATIONS = [UUID(int=n + 1) for n in range(5)]
KEYS = [UUID(int=0x1000 + n) for n in range(40)]
FIRST_TWO = ("list_sites", "get_site")
OPERATIONS = [
    (name, CONTRACT[name].path, CONTRACT[name].method)
    for name in (*FIRST_TWO, *sorted(set(CONTRACT) - set(FIRST_TWO)))
]
FIRST = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
NEVER_KEY, BUSY_KEY = KEYS[1], KEYS[0]
NAMES = ("id", "timestamp", *COLUMNS[1:], "seal")
AGENT = "python-httpx/0.28.1"
PLACE = "01890000-0000-7000-8000-000000000001"


def rows(count: int, step_ms: int = 1) -> Iterator[tuple[Any, ...]]:
    """Entries with few of many things: a busy key that reads one thing only, rare errors, rare operations."""
    pick = random.Random(7)
    parameters = json.dumps({"path": {"id": PLACE}})
    for number in range(count):
        moment = FIRST + number * step_ms
        entry_id = UUID(int=moment << 80 | 7 << 76 | 2 << 62 | number)
        draw = pick.random()
        if draw < 0.4:
            # The key that reads one thing; its neighbour reads another one as often.
            at, organization = (0, 0) if draw < 0.2 else (1, 0)
            operation = OPERATIONS[at]
            status = 200
        else:
            at = min(int(pick.expovariate(0.15)) + 2, len(KEYS) - 1)
            organization = at % len(ORGANIZATIONS)
            operation = OPERATIONS[min(int(pick.expovariate(0.2)), len(OPERATIONS) - 1)]
            status = 200 if pick.random() < 0.9 else pick.choice((201, 202, 401, 404, 404, 422, 429))
            if number % 1_000_003 == 0:
                status = 500
        yield (
            entry_id,
            time_of(entry_id),
            ORGANIZATIONS[organization],
            KEYS[at],
            UUID(int=0x2000 + at // 4),
            None,
            "key",
            operation[0],
            operation[1],
            operation[2],
            "/api" + operation[1].replace("{id}", PLACE),
            parameters,
            status,
            None if status < 400 else "SITE_NOT_FOUND",
            1500,
            0,
            300,
            "192.0.2.7",
            AGENT,
            number // 500 + 1,
        )


def fill(store: Store, count: int) -> None:
    """The log without its indexes, then the indexes: sorting once is faster than finding each place."""
    ready = AuditEntry.__table__.indexes
    for index in ready:
        index.drop(store.engine)
    if store.engine.dialect.name == "sqlite":
        raw = store.engine.raw_connection()
        marks = ", ".join("?" for _ in NAMES)
        kinds = _converters(store)
        raw.executescript("PRAGMA synchronous=OFF; PRAGMA cache_size=-400000; PRAGMA temp_store=FILE;")
        raw.execute("BEGIN")
        raw.cursor().executemany(
            f"INSERT INTO api_audit_log ({', '.join(NAMES)}) VALUES ({marks})",
            (tuple(v if k is None else k(v) for k, v in zip(kinds, row, strict=True)) for row in rows(count)),
        )
        raw.execute("COMMIT")
        raw.close()
    else:
        url = store.engine.url.set(drivername="postgresql").render_as_string(False)
        target = f"COPY api_audit_log ({', '.join(NAMES)}) FROM STDIN"
        with psycopg.connect(url) as connection, connection.cursor().copy(target) as copy:
            for row in rows(count):
                copy.write_row(row)
    for index in ready:
        index.create(store.engine)
    if store.engine.dialect.name == "postgresql":
        with store.reader.connect() as connection:
            connection.execute(text("VACUUM ANALYZE api_audit_log"))


def _converters(store: Store) -> list[Any]:
    table = AuditEntry.__table__
    kinds: list[Any] = []
    for name in NAMES:
        kind = table.c[name].type
        if isinstance(kind, SmallUuid):
            kinds.append(lambda value: None if value is None else value.bytes)
        elif isinstance(kind, UtcDateTime):
            kinds.append(lambda value: value.isoformat(" ", "microseconds")[:26])
        else:
            kinds.append(None)
    return kinds


def cases() -> Iterator[tuple[str, dict[str, Any]]]:
    """What is asked for, by what it is about."""
    common, other, rare = OPERATIONS[0], OPERATIONS[1], OPERATIONS[-1]
    late = datetime.fromtimestamp((FIRST + 1_500_000) / 1000, UTC).isoformat()
    yield "nothing", {}
    yield "time", {"to": late}
    yield "key", {"api_key_id": BUSY_KEY}
    yield "key without a call", {"api_key_id": UUID(int=9)}
    yield "user", {"user_id": UUID(int=0x2001)}
    yield "operation", {"operation_id": common[0]}
    yield "operation, rare", {"operation_id": rare[0]}
    yield "endpoint", {"endpoint": common[1]}
    yield "endpoint and method, never", {"endpoint": other[1], "method": "DELETE"}
    yield "method", {"method": "DELETE"}
    yield "status 200", {"status_code": 200}
    yield "status 500, rare", {"status_code": 500}
    yield "status 418, never", {"status_code": 418}
    yield "error code", {"error_code": "site_not_found"}
    yield "key and operation", {"api_key_id": BUSY_KEY, "operation_id": common[0]}
    yield "key and operation, never", {"api_key_id": BUSY_KEY, "operation_id": other[0]}
    yield "key and endpoint, never", {"api_key_id": BUSY_KEY, "endpoint": other[1]}
    yield "key and status", {"api_key_id": KEYS[5], "status_code": 404}
    yield "key and status, never", {"api_key_id": BUSY_KEY, "status_code": 404}
    yield "key, status and time", {"api_key_id": KEYS[5], "status_code": 404, "to": late}
    yield "operation and status, never", {"operation_id": common[0], "status_code": 418}
    yield "endpoint and status, never", {"endpoint": common[1], "status_code": 418}
    yield "endpoint and status, rare", {"endpoint": common[1], "status_code": 500}


def measure(store: Store) -> list[dict[str, Any]]:
    """Milliseconds a page of 100: the first one, cold; the median and the worst of 30; and a later page."""
    actor = Actor(UUID(int=9), "session", "", "owner", frozenset(), organization_id=ORGANIZATIONS[0])
    found = []
    for name, query in cases():
        times = []
        later = 0.0
        with store.read() as connection:
            for at in range(31):
                began = time.perf_counter()
                page = read_log(connection, actor, {"limit": 100, **query})
                times.append((time.perf_counter() - began) * 1000)
                cursor = page["pagination"]["next_cursor"]
                if at == 0 and cursor:
                    began = time.perf_counter()
                    read_log(connection, actor, {"limit": 100, **query, "cursor": cursor})
                    later = (time.perf_counter() - began) * 1000
        found.append(
            {
                "filter": name,
                "rows": len(page["data"]),
                "first_ms": round(times[0], 2),
                "p50_ms": round(statistics.median(times[1:]), 2),
                "worst_ms": round(max(times), 2),
                "next_page_ms": round(later, 2),
            }
        )
    return found


def costs(store: Store, folder: Path) -> dict[str, float]:
    """Microseconds of processor time: of recording a read, of a pending row beside a row of the log, and of
    moving an entry into the log; and the longest transaction of the recorder in milliseconds of the clock.
    """
    journal = Journal(folder / "audit")
    scope = {
        "method": "GET",
        "path": f"/api/sites/{PLACE}",
        "headers": [(b"user-agent", AGENT.encode()), (b"host", b"example.test")],
        "client": ("192.0.2.7", 5),
    }
    found: dict[str, float] = {}
    count = 20_000
    traces = [Trace(scope) for _ in range(count)]
    began = time.thread_time()
    lines = [make_line(trace, 200, None, 300) for trace in traces]
    found["line_us"] = (time.thread_time() - began) / count * 1e6
    began = time.thread_time()
    for line in lines:
        journal.append(line)
    found["append_us"] = (time.thread_time() - began) / count * 1e6
    lease = Lease(store, "recorder")
    lease.take()
    collector = Collector(store, lease, folder / "audit")
    waits: list[float] = []
    began = time.thread_time()
    more = True
    while more:
        at = time.perf_counter()
        more = collector.move()
        waits.append(time.perf_counter() - at)
    found["moved_us"] = (time.thread_time() - began) / count * 1e6
    found["batch_ms"] = statistics.median(waits) * 1000
    found["longest_batch_ms"] = max(waits) * 1000
    found["batch_rows"] = count / len(waits)
    entry = dict(zip(NAMES, next(rows(1)), strict=True))
    for name, table in (("pending_us", PendingEntry), ("log_row_us", AuditEntry)):
        statement = insert(table)
        times = []
        for _ in range(300):
            values: dict[str, Any] = {"id": new_id(), "line": b"x" * 400}
            if table is AuditEntry:
                values = {**entry, "id": new_id()}
            with store.begin() as session:
                connection = session.connection()
                at = time.thread_time()
                connection.execute(statement, values)
                times.append(time.thread_time() - at)
        found[name] = statistics.median(times) * 1e6
    return {name: round(value, 1) for name, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--database-url")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="writ-bench-audit-", dir=options.folder))
    store = Store(options.database_url or f"sqlite:///{folder / 'writ.db'}")
    try:
        upgrade(store.engine)
        print(json.dumps({"empty": costs(store, folder)}))
        with store.begin() as session:
            for name in ("api_audit_log", "audit_seals", "audit_pending", "api_usage_hours"):
                session.execute(text(f"DELETE FROM {name}"))
        began = time.perf_counter()
        fill(store, options.rows)
        print(f"{options.rows:,} rows in {time.perf_counter() - began:.0f} s")
        if options.database_url is None:
            size = sum(path.stat().st_size for path in folder.glob("writ.db*"))
            print(f"{size / options.rows:.0f} bytes a row")
        for found in measure(store):
            print(json.dumps(found))
        print(json.dumps({"filled": costs(store, folder / "filled")}))
    finally:
        store.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
