"""A gate before the tools of a worker: their calls can be held, looked at, and let through one by one.

A folder of small scripts, first on the worker's PATH, stands before the real tools. While the gate is
closed, each call says what it is and waits. So a test stops a job between two tools of its choice, and never
has to sleep and hope. The product knows nothing of it.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TOOLS = (
    *("cat", "chmod", "cmp", "cp", "dd", "find", "git", "head", "ln", "mkdir", "mv", "readlink", "rm"),
    *("rmdir", "sha256sum", "sqlite3", "tar", "test", "true", "xargs"),
)

# Made under another name and renamed: whoever sees a call's file may read it whole. The pipe is there first.
SCRIPT = """#!/bin/sh
if [ -e '{gate}/closed' ]; then
  echo "$PPID {tool} $*" >> '{gate}/seen'
  {mkfifo} '{gate}/calls/'$$.pipe
  echo "$PPID {tool} $*" > '{gate}/calls/'$$.part
  {mv} '{gate}/calls/'$$.part '{gate}/calls/'$$.call
  read _ < '{gate}/calls/'$$.pipe
fi
exec {real} "$@"
"""


@dataclass(frozen=True)
class Held:
    """A call that waits: the tool's process, the process that called it, and its words."""

    pid: int
    parent: int
    words: str


class Gate:
    """The scripts in `folder`, which belongs first on the PATH, and the state of the gate beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "tools"
        self._state = folder / "gate"
        self._calls = self._state / "calls"
        self.folder.mkdir(parents=True)
        self._calls.mkdir(parents=True)
        programs = {name: shutil.which(name) for name in (*TOOLS, "mkfifo")}
        for tool in TOOLS:
            real = programs[tool]
            if real is not None:
                words = {"gate": self._state, "tool": tool, "real": real}
                script = SCRIPT.format(**words, mkfifo=programs["mkfifo"], mv=programs["mv"])
                (self.folder / tool).write_text(script)
                (self.folder / tool).chmod(0o755)

    def close(self) -> None:
        """From now on calls wait."""
        (self._state / "seen").write_text("")
        (self._state / "closed").touch()

    def open(self) -> None:
        """Calls wait no longer, and those that did go on."""
        (self._state / "closed").unlink(missing_ok=True)
        while held := self.held():
            for call in held:
                self.let(call)

    def held(self) -> list[Held]:
        """The calls that wait now, longest first. What a killed process left behind is cleared away."""
        found = []
        for path in sorted(self._calls.glob("*.call"), key=lambda path: path.stat().st_mtime_ns):
            pid = int(path.stem)
            if is_alive(pid):
                parent, _, words = path.read_text(errors="replace").partition(" ")
                found.append(Held(pid, int(parent), words.strip()))
            else:
                self._forget(pid)
        return found

    def seen(self) -> list[str]:
        """The words of all calls since the gate was closed, those of processes that are gone included."""
        return [line.partition(" ")[2] for line in (self._state / "seen").read_text().splitlines()]

    def let(self, call: Held) -> None:
        """Let one call through."""
        while is_alive(call.pid):
            with suppress(OSError):
                # It may not have opened its end yet.
                pipe = os.open(self._calls / f"{call.pid}.pipe", os.O_WRONLY | os.O_NONBLOCK)
                os.write(pipe, b"\n")
                os.close(pipe)
                break
        self._forget(call.pid)

    def _forget(self, pid: int) -> None:
        for ending in ("call", "pipe"):
            (self._calls / f"{pid}.{ending}").unlink(missing_ok=True)


def state_of(pid: int) -> list[str]:
    """The fields of a process from its state on; empty when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def is_alive(pid: int) -> bool:
    """Whether a process is there that can still do something."""
    fields = state_of(pid)
    return bool(fields) and fields[0] not in "ZX"


def members_of(session: int) -> list[int]:
    """The living processes of a session (a process and what it forked; tools have sessions of their own)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = state_of(int(entry.name))
            if fields and fields[0] not in "ZX" and int(fields[3]) == session:
                found.append(int(entry.name))
    return sorted(found)
