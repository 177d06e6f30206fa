"""Outlives a supervisor that was killed, and ends what it left behind.

The supervisor starts `python -m writ.supervise.guard` with a pipe as standard input and writes a line for
each child that starts (`+ <pid>`) and for each that has ended (`- <pid>`). The pipe closes when the
supervisor is gone, however it went. Then what is still noted is ended: SIGTERM, again after the grace
(workers then hand their jobs back), and at last SIGKILL. The guard also inherits the lock of the home
folder, so that a new supervisor waits until the old children are gone. It needs the standard library only
and does nothing while all is well.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

from writ.supervise.processes import Process, belonging_to, kill, kill_group, still_running

LOOK_SECONDS = 1.0
"""How often it notes what the children have started: some end before it can look, with the supervisor."""


def main(grace: float) -> None:
    """Reads the children from standard input until it ends, then ends what is left; `grace` in seconds."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    children: set[int] = set()
    family: list[Process] = []
    rest = b""
    while True:
        readable, _, _ = select.select([0], [], [], LOOK_SECONDS)
        if readable:
            chunk = os.read(0, 4096)
            if not chunk:
                break
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                _note(line, children)
        family = belonging_to(children) if children else []
    if children:
        end(children, family, grace)


def _note(line: bytes, children: set[int]) -> None:
    sign, _, pid = line.partition(b" ")
    if sign == b"+":
        children.add(int(pid))
    else:
        children.discard(int(pid))


def end(children: set[int], family: list[Process], grace: float) -> None:
    """Ends the children, which lead sessions of their own, and all that belongs to them or just did."""
    left = [*family, *belonging_to(children)]
    for pid in children:
        kill_group(pid, signal.SIGTERM)
    if not _gone(left, grace):
        for pid in children:
            kill_group(pid, signal.SIGTERM)
        _gone(left, 5.0)
    kill([*left, *belonging_to(children)])


def _gone(processes: list[Process], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while still_running(processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


if __name__ == "__main__":
    main(float(sys.argv[1]))
