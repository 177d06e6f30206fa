"""The product as people run it: its own commands in processes of their own, on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx

from tests.support.redis import RedisServer, free_port
from writ.app import prepare
from writ.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
EMAIL, PASSWORD = "admin@example.com", "correct-horse-battery"
FINAL = ("succeeded", "failed", "cancelled")


@dataclass
class Product:
    """Server, workers and sites server. Every answer is checked against the contract by the server itself."""

    home: Path
    database_url: str
    redis_url: str
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    sites_port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("WRIT_")},
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT / 'generated'}",
            "WRIT_HOME": str(self.home),
            "WRIT_PORT": str(self.port),
            "WRIT_SITES_PORT": str(self.sites_port),
            "WRIT_DATABASE_URL": self.database_url,
            "WRIT_REDIS_URL": self.redis_url,
            "WRIT_ADMIN_EMAIL": EMAIL,
            "WRIT_ADMIN_PASSWORD": PASSWORD,
            "WRIT_CHECK_ANSWERS": "true",
            "WRIT_LEASE_SECONDS": "2",
            "WRIT_RATE_LIMIT_FACTOR": "10000",  # tests of limits set their own
            **self.settings,
        }

    def prepare(self) -> None:
        """Make the tables, the admin and the node, as the first start does."""
        # In this process: another one would only spend its time on imports.
        with patch.dict(os.environ, self.environment, clear=True):
            settings = Settings()
        prepare(settings)

    def start(self, *names: str) -> None:
        """Start these, or all when none is named, and wait until they answer."""
        self.launch(*names)
        self.wait_until_ready()

    def launch(self, *names: str) -> None:
        """As `start`, without waiting."""
        self.home.mkdir(parents=True, exist_ok=True)
        for name in names or ("server", "worker", "sites", "pump", "recorder"):
            log = (self.home / f"{name}.log").open("ab")
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "writ.cli", name],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            log.close()

    def wait_until_ready(self) -> None:
        """Wait for the server, if it was started."""
        if "server" in self.processes:
            self.wait_for(f"{self.url}/readyz")

    def wait_for(self, url: str, seconds: float = 30.0) -> None:
        give_up = time.monotonic() + seconds
        while True:
            try:
                if httpx.get(url, timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            if time.monotonic() > give_up:
                raise TimeoutError(f"{url} did not answer: {self.log('server')[-2000:]}")
            time.sleep(0.05)

    def log(self, name: str) -> str:
        path = self.home / f"{name}.log"
        return path.read_text(errors="replace") if path.is_file() else ""

    def kill(self, name: str) -> None:
        """SIGKILL the process and everything that it started."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def terminate(self, name: str, seconds: float = 30.0) -> int:
        process = self.processes.pop(name)
        process.terminate()
        return process.wait(seconds)

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)
        self.processes.clear()

    def client(self) -> Client:
        return Client(self)


@contextmanager
def running_product(folder: Path, **settings: str) -> Iterator[Product]:
    """A product on an empty SQLite database with a Redis of its own, stopped at the end."""
    redis = RedisServer(folder)
    redis.start()
    product = Product(folder / "home", f"sqlite:///{folder / 'writ.db'}", redis.url, settings)
    try:
        product.prepare()
        product.start()
        yield product
    finally:
        product.stop()
        redis.stop()


@contextmanager
def running_servers(
    folder: Path, database_url: str, redis_url: str, *settings: Mapping[str, str]
) -> Iterator[list[Product]]:
    """A server for each of the settings, which share nothing but database and Redis; stopped at the end."""
    servers = [
        Product(folder / f"home-{number}", database_url, redis_url, own)
        for number, own in enumerate(settings)
    ]
    try:
        servers[0].prepare()
        for product in servers:
            product.launch("server")
        for product in servers:
            product.wait_until_ready()
        yield servers
    finally:
        for product in servers:
            product.stop()


class Client(httpx.Client):
    """A logged-in client of the API."""

    def __init__(self, product: Product, *, log_in: bool = True) -> None:
        super().__init__(base_url=f"{product.url}/api", timeout=30)
        self.product = product
        if log_in:
            answer = self.post("/login", json={"email": EMAIL, "password": PASSWORD})
            assert answer.status_code == 200, answer.text

    def __enter__(self) -> Client:
        # httpx counts the login as the client's opening, and opens no client twice.
        return self

    def finish(self, answer: httpx.Response, seconds: float = 60.0) -> dict[str, Any]:
        """Wait for the job of an accepted order and return it as it ended."""
        assert answer.status_code == 202, f"{answer.status_code} {answer.text}"
        return self.wait(answer.json()["job_id"], seconds)

    def wait(self, job_id: str, seconds: float = 60.0) -> dict[str, Any]:
        give_up = time.monotonic() + seconds
        while True:
            job: dict[str, Any] = self.get(f"/jobs/{job_id}").json()
            if job["status"] in FINAL:
                return job
            if time.monotonic() > give_up:
                raise TimeoutError(f"the job is still {job['status']}: {job}")
            time.sleep(0.03)

    def carry_out(self, answer: httpx.Response, seconds: float = 60.0) -> dict[str, Any]:
        """As `finish`, for a job that has to succeed."""
        job = self.finish(answer, seconds)
        assert job["status"] == "succeeded", f"{job['kind']}: {job['error_code']}: {job['error_message']}"
        return job

    def make_environment(self, slug: str, repository_url: str | None = None) -> tuple[str, str]:
        """A new site with a production environment; their ids."""
        body = {"name": slug, "slug": slug, "repository_url": repository_url}
        site: str = self.carry_out(self.post("/sites", json=body))["site_id"]
        new = {"name": "Production", "slug": "production", "type": "production"}
        made = self.carry_out(self.post(f"/sites/{site}/environments", json=new))
        return site, made["environment_id"]

    def served(self, environment_id: str, path: str = "/") -> httpx.Response:
        """What visitors of the environment get from the node's web server."""
        hostname = httpx.URL(self.get(f"/environments/{environment_id}").json()["url"]).host
        return httpx.get(
            f"http://127.0.0.1:{self.product.sites_port}{path}", headers={"Host": hostname}, timeout=10
        )
