"""Servers in processes of their own, pinned to one core, and the Redis that they share."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import httpx

from writ.supervise.redis import embedded_redis

ROOT = Path(__file__).resolve().parents[1]
SERVER_CORE, LOAD_CORE = 0, 1


def pinned(core: int, argv: Sequence[str]) -> list[str]:
    """The command, on one core where this machine has taskset and more than one core."""
    if shutil.which("taskset") is None or len(os.sched_getaffinity(0)) < 2:
        return list(argv)
    return ["taskset", "-c", str(sorted(os.sched_getaffinity(0))[core]), *argv]


def environment(**variables: str) -> dict[str, str]:
    """The environment of a process that is measured: nothing of the caller's WRIT_* variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WRIT_", "BENCH_"))}
    path = os.pathsep.join(
        [*map(str, (ROOT / "src", ROOT / "generated", ROOT)), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    return {**kept, "PYTHONPATH": path, **variables}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Child:
    """A process that is ended with everything that it started."""

    def __init__(self, argv: Sequence[str], variables: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                list(argv), env=dict(variables), stdout=output, stderr=output, start_new_session=True
            )

    def processor_seconds(self) -> float:
        """The processor time that the process and all that it started have had."""
        return sum(_processor_seconds(pid) for pid in _family(self.process.pid))

    def stop(self, seconds: float = 20.0) -> None:
        """SIGTERM, and SIGKILL for what does not listen."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(5)

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    found = [int(child) for child in children.read_text().split()] if children.exists() else []
    return [pid, *(member for child in found for member in _family(child))]


def _processor_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Redis(Child):
    """A real Redis on a Unix socket, as the product starts it; it shares the load's core."""

    def __init__(self, folder: Path) -> None:
        embedded = embedded_redis(folder)
        self.url = embedded.url
        super().__init__(pinned(LOAD_CORE, embedded.argv), environment(), folder / "redis.log")
        give_up = time.monotonic() + 10
        while not embedded.answers():
            if time.monotonic() > give_up:
                raise TimeoutError(self.log.read_text())
            time.sleep(0.02)


class Postgres:
    """A real PostgreSQL on a Unix socket, sharing the load's core like Redis does."""

    def __init__(self, folder: Path) -> None:
        import pgserver

        self._server = pgserver.get_server(folder, cleanup_mode="stop")
        _move(self._server.get_pid(), LOAD_CORE)

    def create_database(self, name: str) -> str:
        """The URL of a new, empty database."""
        self._server.psql(f"CREATE DATABASE {name};")
        return str(self._server.get_uri(database=name))

    def __enter__(self) -> Postgres:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.cleanup()


def _move(pid: int | None, core: int) -> None:
    cores = sorted(os.sched_getaffinity(0))
    if pid is not None and len(cores) > 1:
        # Its children, one a connection, inherit it.
        os.sched_setaffinity(pid, {cores[core]})


class Recorder(Child):
    """Writ's own recorder, on the load's core: what it writes belongs to the work that is measured."""

    def __init__(self, folder: Path, database_url: str) -> None:
        argv = [sys.executable, "-m", "writ.cli", "recorder"]
        settings = environment(WRIT_HOME=str(folder), WRIT_DATABASE_URL=database_url)
        super().__init__(pinned(LOAD_CORE, argv), settings, folder / "recorder.log")


class Server(Child):
    """One application behind granian, as `writ server` runs it: ASGI, uvloop, one process."""

    def __init__(
        self, name: str, folder: Path, redis_url: str, *, factory: str | None = None, **variables: str
    ) -> None:
        self.name = name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        argv = [sys.executable, "-m"]
        if factory is None:
            argv += ["writ.cli", "server", "--port", str(self.port)]
        else:
            argv += ["granian", "--interface", "asgi", "--loop", "uvloop", "--workers", "1", "--factory"]
            argv += ["--host", "127.0.0.1", "--port", str(self.port), factory]
        settings = environment(
            WRIT_HOME=str(folder),
            WRIT_REDIS_URL=redis_url,
            WRIT_SITES_PORT="8081",
            # What is measured is the counting, not the refusing.
            WRIT_RATE_LIMIT_FACTOR="1000000",
            **{"WRIT_DATABASE_URL": f"sqlite:///{folder / 'writ.db'}", **variables},
        )
        super().__init__(pinned(SERVER_CORE, argv), settings, folder / f"{name}.log")

    def wait(self, path: str, headers: Mapping[str, str], seconds: float = 30.0) -> None:
        """Until it answers the request with 200."""
        give_up = time.monotonic() + seconds
        said = "nothing"
        while True:
            try:
                answer = httpx.get(self.url + path, headers=dict(headers), timeout=5)
                if answer.status_code == 200:
                    return
                said = answer.text
            except httpx.HTTPError as error:
                said = repr(error)
            if time.monotonic() > give_up:
                raise TimeoutError(f"{self.name} said {said[:500]}; its log: {self.log.read_text()[-3000:]}")
            time.sleep(0.05)
