"""Whatever is killed, every call that was answered is in the audit log, once, and the log is whole."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from tests.chaos.chaos import Chaos, running
from tests.support.postgres import PostgresServer
from writ.records.journal import FOLDER
from writ.records.models import AuditEntry, PendingEntry, UsageHour
from writ.records.reading import request_id_of
from writ.records.sealing import COUNTED, usage_of
from writ.records.verify import verify

CLIENTS, ANSWERS_BETWEEN = 4, 50
PROCESSES = ("server", "worker", "recorder")
KILLED = ("server", "recorder", "worker", "server", "recorder")
UNKNOWN = "01890000-0000-7000-8000-000000999999"


@pytest.fixture(params=["sqlite", "postgresql"])
def product(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chaos]:
    """A product of its own: the log of all of its life is counted."""
    if request.param == "sqlite":
        with running(tmp_path, f"sqlite:///{tmp_path / 'writ.db'}", PROCESSES) as chaos:
            yield chaos
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.create_database()
    with running(tmp_path, url, PROCESSES) as chaos:
        yield chaos
    server.drop_database(url)


class Caller(threading.Thread):
    """Calls this and that, and notes what was answered."""

    def __init__(self, chaos: Chaos, key: str, number: int, enough: threading.Event) -> None:
        super().__init__(name=f"caller-{number}")
        self.product, self.key, self.number = chaos.product, key, number
        self.enough = enough
        self.pick = random.Random(number)
        self.answered: dict[str, int] = {}
        self.lost = 0

    def run(self) -> None:
        with httpx.Client(base_url=self.product.url, timeout=30) as client:
            for at in itertools.count():
                if self.enough.wait(0.01):
                    return
                method, path, options = self._call(at)
                try:
                    answer = client.request(method, path, **options)
                except httpx.TransportError:
                    self.lost += 1
                    time.sleep(0.1)
                    continue
                self.answered[answer.headers["x-request-id"]] = answer.status_code

    def _call(self, at: int) -> tuple[str, str, dict[str, Any]]:
        good = {"headers": {"Authorization": f"Bearer {self.key}"}}
        name = f"s{self.number}-{at}"
        zipped = {"headers": {**good["headers"], "Content-Type": "application/zip"}}
        wrong = {"json": {"email": f"{name}@example.com", "password": "wrong"}}
        calls: list[tuple[str, str, dict[str, Any]]] = [
            ("GET", "/api/sites", good),
            ("GET", "/api/jobs?limit=1", good),
            ("GET", "/api/sites", {}),
            ("GET", "/api/sites", {"headers": {"Authorization": "Bearer writ_live_nothing"}}),
            ("GET", f"/api/sites/{UNKNOWN}", good),
            ("GET", "/api/nothing/here", {}),
            ("PATCH", "/api/sites", good),
            ("POST", "/api/sites", {**good, "json": {"name": 7}}),
            ("POST", "/api/sites", {**good, "json": {"name": name, "slug": name}}),
            ("POST", "/api/sites", {**good, "json": {"name": name, "slug": name}}),
            ("POST", "/api/uploads", {**zipped, "content": b"PK\x05\x06" + b"\0" * 18}),
            ("POST", "/api/login", wrong),
            ("POST", "/api/v1/api-keys", {**good, "json": {"key_name": name}}),
        ]
        return self.pick.choice(calls)


@pytest.mark.requirement("S1-61", "S1-98", "S3-148")
def test_every_answer_is_in_the_log_once_whoever_is_killed(product: Chaos) -> None:
    noted: dict[str, int] = {}
    owner = product.product.client()
    owner.event_hooks = {"response": [lambda a: noted.update({a.headers["x-request-id"]: a.status_code})]}
    key = owner.post("/v1/api-keys", json={"key_name": "Chaos", "preset": "full"}).json()["api_key"]
    enough = threading.Event()
    callers = [Caller(product, key, number, enough) for number in range(CLIENTS)]
    for caller in callers:
        caller.start()
    try:
        for victim in KILLED:
            before = sum(len(caller.answered) for caller in callers)
            product.until(
                lambda then=before: sum(len(c.answered) for c in callers) >= then + ANSWERS_BETWEEN, 60
            )
            product.kill(victim)
            product.product.start(victim)
    finally:
        enough.set()
    for caller in callers:
        caller.join(60)
        noted |= caller.answered
    assert sum(caller.lost for caller in callers) > 0, "nothing was killed while they called"
    assert len(noted) >= len(KILLED) * ANSWERS_BETWEEN
    assert set(noted.values()) >= {200, 202, 401, 404, 405, 422}, set(noted.values())
    # The server ends, and the recorder reads what it left to the end.
    product.product.terminate("server")
    product.until(lambda: not _left(product), 60)
    assert_recorded(product, noted)


def _left(product: Chaos) -> int:
    with product.store.read() as connection:
        pending = len(connection.execute(select(PendingEntry.id)).all())
    return pending + len(list((product.product.home / FOLDER).glob("*.journal")))


def assert_recorded(product: Chaos, noted: dict[str, int]) -> None:
    """All that was answered is there once with its status, the chain holds, and usage agrees."""
    with product.store.read() as connection:
        rows = connection.execute(select(AuditEntry.__table__)).mappings().all()
        keys = [column.name for column in UsageHour.__table__.primary_key.columns]
        counted = {
            tuple(row[name] for name in keys): [row[name] for name in COUNTED]
            for row in connection.execute(select(UsageHour.__table__)).mappings()
        }
    by_id = {request_id_of(row["id"]): row["status_code"] for row in rows}
    assert len(by_id) == len(rows)
    # 503 says that a call could not be recorded, or that the database was away; the others are all there.
    missing = {name: status for name, status in noted.items() if name not in by_id and status != 503}
    assert missing == {}
    wrong = {n: (s, by_id[n]) for n, s in noted.items() if n in by_id and by_id[n] != s and s != 503}
    assert wrong == {}
    assert verify(product.store, 180).fault is None
    assert counted == usage_of(rows)
    assert not list((product.product.home / FOLDER).glob("*.torn"))
