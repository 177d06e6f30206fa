"""A storm: several environments, orders of all kinds, and harm of all kinds, drawn by chance for a while."""

from __future__ import annotations

import itertools
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select

from tests.chaos.chaos import Chaos, running
from tests.chaos.sound import assert_jobs_ended, assert_tidy
from tests.chaos.visitor import Version, code, files, version, visiting
from writ.hosting.models import Backup, Environment
from writ.jobs.models import FAILED, FINAL, RUNNING, Job

STORM_SECONDS = 25.0
UNFINISHED_AT_MOST = 10
SEED = int(os.environ.get("WRIT_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)

WORDS = [f"word-{number}" for number in range(6)]
OWNERS = ["production", "staging", "testing"]
# Content belongs to an environment, and moves by promotion and restore; code is what was deployed.
KNOWN: list[Version] = [version(word, owner) for word, owner in itertools.product(WORDS, OWNERS)]

# What an order may come to when workers are lost, jobs are cancelled, and orders overtake each other.
EXPECTED_ERRORS = {
    *("WORKER_LOST", "JOB_CANCELLED", "NO_CURRENT_RELEASE", "RELEASE_INVALID", "BACKUP_NOT_AVAILABLE"),
}


@pytest.fixture
def chaos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    """A product whose workers give a job up after three losses, as they do by default."""
    folder = tmp_path_factory.mktemp("chaos-storm")
    settings = {"WRIT_JOB_MAX_ATTEMPTS": "3", "WRIT_STOP_GRACE_SECONDS": "2"}
    with running(folder, f"sqlite:///{folder / 'writ.db'}", **settings) as found:
        yield found


class Storm:
    """Orders and harm, all drawn from one seed."""

    def __init__(self, chaos: Chaos) -> None:
        self.chaos = chaos
        self.chance = random.Random(SEED)
        self.done: list[str] = []
        self.site, production = chaos.production()
        others = [chaos.environment(self.site, slug) for slug in OWNERS[1:]]
        self.environments = [production, *others]
        for environment, owner in zip(self.environments, OWNERS, strict=True):
            chaos.deploy(environment, files(version(WORDS[0], owner)))
            chaos.backup(environment)

    def blow(self, seconds: float) -> None:
        over_at = time.monotonic() + seconds
        orders = [self.deploy] * 4 + [self.restore, self.promote] * 2
        orders += [self.back_up, self.roll_back, self.check_drift, self.clone, self.cancel, self.retry]
        harms = [self.kill_process] * 5
        harms += [self.kill_worker, self.kill_pool, self.stop_worker, self.kill_server, self.lose_redis]
        harm_at = time.monotonic() + 1
        while time.monotonic() < over_at:
            if time.monotonic() > harm_at:
                self.do(self.chance.choice(harms))
                harm_at = time.monotonic() + self.chance.uniform(0.1, 1.2)
            elif self.unfinished() < UNFINISHED_AT_MOST:
                self.do(self.chance.choice(orders))
            time.sleep(self.chance.uniform(0.0, 0.1))

    def do(self, action: Callable[[], httpx.Response | None]) -> None:
        try:
            answer = action()
        except httpx.TransportError:
            self.done.append(f"{action.__name__}: no answer")
            return
        said = answer.status_code if answer is not None else ""
        self.done.append(f"{action.__name__} {said}")
        # An order may come too late or too early; it is never the server's fault.
        assert answer is None or answer.status_code in (202, 404, 409, 422), (self.done, answer.text)

    def unfinished(self) -> int:
        with self.chaos.store.read() as connection:
            return connection.scalar(select(func.count()).where(Job.status.not_in(FINAL))) or 0

    def some(self, column: Any, *conditions: Any) -> str | None:
        """One of the ids that fulfil the conditions."""
        with self.chaos.store.read() as connection:
            found = connection.execute(select(column).where(*conditions).limit(50)).scalars().all()
        return str(self.chance.choice(found)) if found else None

    def environment(self) -> str:
        return self.chance.choice(self.environments)

    def post(self, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        return self.chaos.client.post(path, json=body) if body is not None else self.chaos.client.post(path)

    # -- orders

    def deploy(self) -> httpx.Response:
        found = code(version(self.chance.choice(WORDS)))
        return self.chaos.order_deploy(self.environment(), files(found))

    def back_up(self) -> httpx.Response:
        return self.post(f"/environments/{self.environment()}/backups", {"backup_scope": "full"})

    def restore(self) -> httpx.Response | None:
        environment = self.environment()
        wanted = (Backup.environment_id == UUID(environment), Backup.status == "available")
        backup = self.some(Backup.id, *wanted)
        if backup is None:
            return None
        return self.post(f"/environments/{environment}/restore", {"backup_id": backup})

    def promote(self) -> httpx.Response:
        source, target = self.chance.sample(self.environments, 2)
        preset = self.chance.choice(["full", "code", "content"])
        body = {"target_environment_id": target, "promotion_preset": preset}
        return self.post(f"/environments/{source}/promote", body)

    def roll_back(self) -> httpx.Response:
        return self.post(f"/environments/{self.environment()}/rollback", {})

    def check_drift(self) -> httpx.Response:
        return self.post(f"/environments/{self.environment()}/drift-check")

    def clone(self) -> httpx.Response:
        slug = f"clone-{self.chance.randrange(1 << 32)}"
        body = {"name": slug, "slug": slug, "type": "development"}
        more = {"source_environment_id": self.environment()}
        return self.post(f"/sites/{self.site}/environments", body | more)

    def cancel(self) -> httpx.Response | None:
        job = self.some(Job.id, Job.status.not_in(FINAL))
        return self.post(f"/jobs/{job}/cancel") if job is not None else None

    def retry(self) -> httpx.Response | None:
        job = self.some(Job.id, Job.status == FAILED)
        return self.post(f"/jobs/{job}/retry") if job is not None else None

    # -- harm

    def kill_process(self) -> None:
        owner = self.some(Job.lease_owner, Job.status == RUNNING)
        if owner is not None:
            with suppress(ProcessLookupError):
                os.kill(int(owner.rpartition(":")[2]), signal.SIGKILL)

    def kill_worker(self) -> None:
        self.chaos.kill("worker")
        self.chaos.product.start("worker")

    def kill_pool(self) -> None:
        """Only the parent: what it forked has to notice, and to end by itself."""
        process = self.chaos.product.processes.pop("worker")
        process.kill()
        process.wait(10)
        self.chaos.product.start("worker")

    def stop_worker(self) -> None:
        process = self.chaos.product.processes.pop("worker")
        for _ in range(self.chance.choice([1, 2])):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
        # Told before it knows what to do then, it just ends.
        assert process.wait(30) in (0, -signal.SIGTERM)
        self.chaos.product.start("worker")

    def kill_server(self) -> None:
        self.chaos.kill("server")
        self.chaos.product.start("server")

    def lose_redis(self) -> None:
        self.chaos.redis.kill()
        with suppress(httpx.TransportError):
            self.deploy()
        self.chaos.redis.start()


def test_whatever_happens_every_order_ends_and_every_site_is_whole(chaos: Chaos) -> None:
    storm = Storm(chaos)
    with ExitStack() as visitors:
        known = [
            visitors.enter_context(visiting(chaos.product.sites_port, chaos.hostname(it), *KNOWN))
            for it in storm.environments
        ]
        print("WRIT_TEST_SEED =", SEED)
        storm.blow(STORM_SECONDS)
        print(*storm.done, sep="\n")
        chaos.mend()
        assert_jobs_ended(chaos, 90)
        assert known
        with chaos.store.read() as connection:
            ends = connection.execute(select(Job.kind, Job.status, Job.error_code)).all()
            living = select(Environment.id).where(Environment.status == "active")
            environments = [str(it) for it in connection.execute(living).scalars()]
        print(len(ends), "jobs,", sum(it.status == "succeeded" for it in ends), "succeeded")
        assert {it.error_code for it in ends if it.error_code} <= EXPECTED_ERRORS
        assert set(storm.environments) <= set(environments)
        for environment in environments:
            _assert_whole(chaos, environment)


def _assert_whole(chaos: Chaos, environment: str) -> None:
    order = chaos.client.post(f"/environments/{environment}/drift-check")
    if order.status_code == 202:
        job = chaos.client.finish(order)
        # A clone of a source that was empty has no release; all others are what their release says.
        assert job["error_code"] in (None, "no_current_release"), job
    # Whatever a job that was given up has left, a further deploy clears away.
    chaos.deploy(environment, files(code(version(WORDS[1]))))
    assert_tidy(chaos, environment)
    drift = chaos.client.carry_out(chaos.client.post(f"/environments/{environment}/drift-check"))
    assert chaos.get(f"/environments/{environment}")["drift_status"] == "clean", drift["result"]
