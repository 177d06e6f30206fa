"""The home folder: one supervisor at a time, and the ports of last time."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class CannotStart(Exception):
    """Writ cannot start; the message is one line for a person, `code` the exit status (2: wrong use)."""

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


class Home:
    """The home folder, held by this process while it is locked. `state` is what a second starter may read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state = path / "run.json"
        self._lock: int | None = None

    def lock(self, *, wait_seconds: float = 30.0, say: Callable[[str], None] = lambda text: None) -> int:
        """Takes the home for this process and returns the lock's descriptor; raises CannotStart if it is
        taken.

        After a supervisor was killed its guard still holds the lock while it ends the children: that is
        waited for.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path / "run.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            raise CannotStart(
                f"The home folder {self.path} cannot be written ({problem.strerror}): "
                "choose another with --home."
            ) from None
        deadline = time.monotonic() + wait_seconds
        told = False
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                running = self.read()
                if _alive(running.get("pid")) or time.monotonic() > deadline:
                    os.close(descriptor)
                    raise CannotStart(_already_running(self.path, running)) from None
                if not told:
                    say("The processes of an earlier run on this home are still stopping; waiting for them.")
                    told = True
                time.sleep(0.1)
            else:
                self._lock = descriptor
                return descriptor

    def write(self, **state: Any) -> None:
        """Replaces what is known of this run (pid, url, ports); readers see the old or the new, never a
        half.
        """
        new = self._state.with_suffix(".new")
        new.write_text(json.dumps(state, indent=2) + "\n")
        os.replace(new, self._state)

    def read(self) -> dict[str, Any]:
        """What is known of the last run; empty when there was none."""
        try:
            found = json.loads(self._state.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def release(self) -> None:
        """Gives the home back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _already_running(path: Path, running: dict[str, Any]) -> str:
    where = f": {running['url']}" if running.get("url") else ""
    process = f" (process {running['pid']})" if running.get("pid") else ""
    rest = "Stop it first, or give another folder with --home."
    return f"Writ is already running on {path}{where}{process}. {rest}"


def _alive(pid: object) -> bool:
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def choose_port(host: str, wanted: int, *, option: str, last: object = None) -> int:
    """The port to listen on: the wanted one, or for 0 the last one if it is free, or any free one.

    Raises CannotStart when the wanted one is taken. `option` names the setting in the message.
    """
    if wanted == 0:
        if isinstance(last, int) and _bindable(host, last) is None:
            return last
        return _free_port(host)
    problem = _bindable(host, wanted)
    if problem is None:
        return wanted
    if problem.errno == errno.EADDRINUSE:
        raise CannotStart(
            f"Port {wanted} on {host} is taken by another program: "
            f"choose another with {option}, or let Writ find a free one with {option} 0."
        )
    raise CannotStart(f"Cannot listen on {host} port {wanted}: {problem.strerror or problem}.")


def _free_port(host: str) -> int:
    try:
        with socket.create_server((host, 0), family=_family(host)) as server:
            port: int = server.getsockname()[1]
            return port
    except OSError as problem:
        raise CannotStart(f"Cannot listen on {host}: {problem.strerror or problem}.") from None


def _bindable(host: str, port: int) -> OSError | None:
    try:
        # SO_REUSEADDR only: the server itself sets SO_REUSEPORT and would share the port with another of
        # its kind.
        with socket.create_server((host, port), family=_family(host), reuse_port=False):
            return None
    except OSError as problem:
        return problem


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
