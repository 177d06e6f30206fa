"""SIGKILL of the server at every step of a request with an Idempotency-Key: repeated, it has one effect.

The client does what clients should: it sends the request with the same key until it gets a 2xx.
"""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select

from tests.chaos.chaos import kill_session
from tests.chaos.dying import AFTER_COMMIT, BEFORE_COMMIT
from tests.chaos.gate import is_alive
from tests.support.postgres import PostgresServer
from tests.support.product import ROOT, Client, Product
from tests.support.redis import RedisServer
from writ.access.models import ApiKey
from writ.hosting.models import Site
from writ.jobs.models import Job
from writ.records.kept import KeptAnswer
from writ.store.work import Store

pytestmark = pytest.mark.requirement("S1-34")
RANDOM_DEATHS, SEED = 3, 34
WITH_A_SECRET = ("after begin", "before the commit", "after the commit", "within the answer")
_number = itertools.count(1)


class Forked:
    """A process that is another's child: as much of a `Popen` as killing it takes."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        return None if is_alive(self.pid) else 0

    def wait(self, seconds: float) -> None:
        give_up_at = time.monotonic() + seconds
        while self.poll() is None:
            assert time.monotonic() < give_up_at, "it does not die"
            time.sleep(0.01)


class Mortal(Product):
    """A product whose server can be told where to die, and is started again when it did."""

    order: Path

    @property
    def environment(self) -> dict[str, str]:
        found = super().environment
        path = os.pathsep.join((found["PYTHONPATH"], str(ROOT)))
        return {**found, "PYTHONPATH": path, "WRIT_TEST_DEATH": str(self.order)}

    def begin(self) -> None:
        self.order = self.home / "death"
        self.home.mkdir(parents=True)
        self.prepare()
        with (self.home / "server.log").open("ab") as log:
            self.nursery = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.dying", str(self.port)],
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self.revive()
        self.store = Store(self.database_url, pool_size=1)
        self.api: Client = self.client()

    def revive(self) -> None:
        """Wait until the server is gone with all that belongs to it, and start another one."""
        gone = self.processes.pop("server", None)
        if gone is not None:
            kill_session(gone)
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        self.nursery.stdin.write(b"another\n")
        self.nursery.stdin.flush()
        self.processes["server"] = cast(Any, Forked(int(self.nursery.stdout.readline())))
        self.wait_for(f"{self.url}/readyz")

    def end(self) -> None:
        if hasattr(self, "api"):
            self.api.close()
            self.store.close()
        for process in self.processes.values():
            kill_session(process)
        if hasattr(self, "nursery"):
            self.nursery.kill()
            self.nursery.communicate()

    def insist(self, path: str, body: dict[str, Any], key: str) -> tuple[httpx.Response, int]:
        """Send it until there is a 2xx; the answer, and how often the server had died."""
        deaths, give_up_at = 0, time.monotonic() + 60
        while time.monotonic() < give_up_at:
            try:
                answer = self.api.post(path, json=body, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                deaths += 1
                self.revive()
                continue
            if answer.is_success:
                return answer, deaths
            # The claim of a killed server is gone with it; at most it takes a moment.
            assert answer.json()["code"] == "idempotency_in_progress", answer.text
            time.sleep(0.02)
        raise TimeoutError(answer.text)

    def count(self, *where: Any) -> int:
        with self.store.read() as connection:
            return connection.scalar(select(func.count()).where(*where)) or 0


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def mortal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortal]:
    folder = tmp_path_factory.mktemp("once")
    redis, url = RedisServer(folder), f"sqlite:///{folder / 'writ.db'}"
    postgres: PostgresServer | None = None
    if request.param == "postgresql":
        postgres = request.getfixturevalue("postgres_server")
        url = postgres.create_database()
    redis.start()
    product = Mortal(folder / "home", url, redis.url)
    try:
        product.begin()
        yield product
    finally:
        product.end()
        redis.stop()
        if postgres is not None:
            postgres.drop_database(url)


Sent = tuple[str, dict[str, Any], str]


def new_site() -> Sent:
    """An order of a site: path, body, key."""
    name = f"shop-{next(_number)}"
    return "/sites", {"name": name, "slug": name}, f"site-{name}"


def new_key() -> Sent:
    """An API key, of which nothing else forbids a second one."""
    name = f"script-{next(_number)}"
    return "/v1/api-keys", {"key_name": name, "scopes": ["hosting.read"]}, f"key-{name}"


def assert_one_effect(mortal: Mortal, sent: Sent, answer: httpx.Response) -> None:
    """What was sent is there once, and is what was answered, which is answered again."""
    path, body, key = sent
    if path == "/sites":
        with mortal.store.read() as connection:
            (site,) = connection.execute(select(Site.id).where(Site.slug == body["slug"])).scalars()
            jobs = connection.execute(select(Job.id).where(Job.site_id == site)).scalars().all()
        assert jobs == [UUID(answer.json()["job_id"])]
        assert mortal.count(KeptAnswer.job_id == jobs[0]) == 1
    else:
        assert mortal.count(ApiKey.key_name == body["key_name"]) == 1
        used = httpx.get(f"{mortal.url}/api/sites", headers={"X-API-Key": answer.json()["api_key"]})
        assert used.status_code == 200, used.text
    again = mortal.api.post(path, json=body, headers={"Idempotency-Key": key})
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.status_code, again.content) == (answer.status_code, answer.content)


@pytest.mark.parametrize("point", [*BEFORE_COMMIT, *AFTER_COMMIT])
def test_the_server_dies_once_and_the_request_has_one_effect(mortal: Mortal, point: str) -> None:
    for make in (new_site, new_key) if point in WITH_A_SECRET else (new_site,):
        mortal.order.write_text(point)
        sent = make()
        answer, deaths = mortal.insist(*sent)
        assert (deaths, mortal.order.exists()) == (1, False), "the server did not die where it should"
        # What was committed is not done again, and what was not is done now.
        assert ("idempotent-replayed" in answer.headers) == (point in AFTER_COMMIT)
        assert_one_effect(mortal, sent, answer)


def test_the_server_dies_at_any_moment_and_the_request_has_one_effect(mortal: Mortal) -> None:
    chance = random.Random(SEED)
    for _ in range(RANDOM_DEATHS):
        process, sent = mortal.processes["server"], new_site()
        killer = threading.Timer(chance.uniform(0, 0.02), kill_session, [process])
        killer.start()
        answer, _deaths = mortal.insist(*sent)
        killer.join()
        if mortal.processes["server"] is process:
            mortal.revive()
        assert_one_effect(mortal, sent, answer)
