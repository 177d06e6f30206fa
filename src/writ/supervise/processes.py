"""Which processes belong to a child: its session, and everything that descends from it.

A worker's jobs run in process groups and sometimes sessions of their own (so that one can be cancelled
alone); a signal to the child's group does not reach them. Linux only knows them by /proc; elsewhere the
group has to do.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """One line of the process table. `started` (clock ticks since boot) tells a reused id from the old
    process.
    """

    pid: int
    parent: int
    session: int
    started: int


def table() -> dict[int, Process]:
    """All processes that are not yet dead, by id; empty where there is no /proc."""
    found: dict[int, Process] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The command's name stands in brackets and may itself hold blanks and brackets.
            fields = entry.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if fields and fields[0] not in "ZX":
            pid = int(entry.parent.name)
            found[pid] = Process(pid, int(fields[1]), int(fields[3]), int(fields[19]))
    return found


def belonging_to(roots: Iterable[int]) -> list[Process]:
    """The roots, their sessions and all that descends from them, for session leaders given by id."""
    wanted = set(roots)
    everything = table()
    members = {pid for pid, process in everything.items() if pid in wanted or process.session in wanted}
    grew = True
    while grew:
        more = {pid for pid, process in everything.items() if process.parent in members} - members
        members |= more
        grew = bool(more)
    return [everything[pid] for pid in sorted(members)]


def still_running(processes: Iterable[Process]) -> list[Process]:
    """Those of the given processes that live on (not a new process under an old id)."""
    now = table()
    return [
        process for process in processes if (it := now.get(process.pid)) and it.started == process.started
    ]


def kill(processes: Iterable[Process], number: signal.Signals = signal.SIGKILL) -> None:
    """Sends a signal to each of the processes that still lives."""
    for process in still_running(processes):
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            continue


def kill_group(leader: int, number: signal.Signals) -> None:
    """Sends a signal to a process group; no error when it is gone."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        pass


def kill_orphans(known: Iterable[int]) -> None:
    """Kills and reaps the orphans that this process has adopted: its children not known."""
    here, own = os.getpid(), set(known)
    orphans = [process for process in table().values() if process.parent == here and process.pid not in own]
    kill(belonging_to(orphan.pid for orphan in orphans))
    for orphan in orphans:
        try:
            os.waitpid(orphan.pid, 0)
        except ChildProcessError:
            continue
