"""Child processes of a worker: none of them may outlive the job, or the parent, that it belongs to."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

REAP_SECONDS = 5.0


def kill_orphans() -> int:
    """Kill and reap all children of this process, and theirs; returns how many.

    For a process whose only child is the one that it forks for a job.
    """
    killed = 0
    give_up_at = time.monotonic() + REAP_SECONDS
    while time.monotonic() < give_up_at:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return killed
        for pid in _children():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
        time.sleep(0.01)
    return killed


def _children() -> list[int]:
    """The ids of this process's children, the adopted ones included."""
    with suppress(OSError):
        return [
            int(pid)
            for task in Path("/proc/self/task").iterdir()
            for pid in (task / "children").read_text().split()
        ]
    return []
