"""A node: something that runs an argv list with a time limit, and moves files.

Hosting's mechanics use this and nothing else, so the same code drives this machine and one behind SSH.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Protocol

from writ.contract.errors import Refusal
from writ.outgoing.redact import strip_credentials
from writ.processes import Completed, StopSignal, ToolMissing

# A short write is all that GNU tar tells when the disk fills up in the middle of a block.
_DISK_FULL = re.compile(
    r"No space left on device|ENOSPC|Disk quota exceeded|database or disk is full|Wrote only \d+ of \d+ bytes"
)


class Node(Protocol):
    """A machine that holds environments below `root`, an absolute path without symlinks."""

    @property
    def root(self) -> PurePosixPath:
        """The folder that everything of Writ on the node lies in."""
        ...

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        stop: StopSignal | None = None,
        cwd: PurePosixPath | None = None,
        stdin: bytes | None = None,
    ) -> Completed:
        """Run a program on the node, as `writ.processes.run` does.

        Raises Refusal STEP_TIMEOUT, NODE_UNREACHABLE, and Stopped, ToolMissing.
        """
        ...

    def put(self, local: Path, remote: PurePosixPath) -> None:
        """Copy a file to the node. Raises Refusal DISK_FULL, NODE_COMMAND_FAILED, NODE_UNREACHABLE."""
        ...

    def get(self, remote: PurePosixPath, local: Path) -> None:
        """Copy a file from the node. Raises Refusal DISK_FULL, NODE_COMMAND_FAILED, NODE_UNREACHABLE."""
        ...

    def which(self, tool: str) -> bool:
        """Say whether the node has the program; the answer is kept."""
        ...


def confine(root: PurePosixPath, path: PurePosixPath | str) -> PurePosixPath:
    """Return `path`, absolute and without `..`, and refuse one that does not lie below `root`.

    Judged by its letters: what Writ puts below the root itself holds no symlinks but `current` and the
    links into the shared folders.

    Raises Refusal NODE_COMMAND_FAILED.
    """
    text = str(path)
    whole = PurePosixPath(posixpath.normpath(posixpath.join(str(root), text)))
    if "\0" in text or (whole != root and root not in whole.parents):
        raise Refusal("NODE_COMMAND_FAILED", "A path leads out of the node's folder; nothing was done.")
    return whole


def disk_full(what: str) -> Refusal:
    """Return the refusal for a full disk; `what` is what was being done."""
    return Refusal(
        "DISK_FULL", f"The node's disk is full: {what} was given up. Free some space on it, then try again."
    )


def says_disk_full(text: str) -> bool:
    """Say whether a tool's complaint means that there is no space left."""
    return bool(_DISK_FULL.search(text))


def _ignore(line: str) -> None:
    """Drop a line of log."""


@dataclass(frozen=True, slots=True)
class Tools:
    """A node in the hands of one step: with its time limit (seconds a command), stop signal and log."""

    node: Node
    timeout: float = 600.0
    stop: StopSignal | None = None
    log: Callable[[str], None] = _ignore

    def within(self, seconds: float) -> Tools:
        """Return the same with another time limit a command."""
        return replace(self, timeout=seconds)

    def attempt(self, *argv: str, cwd: PurePosixPath | None = None, stdin: bytes | None = None) -> Completed:
        """Run a command whose failure means something to the caller.

        Raises Refusal DISK_FULL, NODE_COMMAND_FAILED when the tool is missing, and what `Node.run` raises.
        """
        try:
            done = self.node.run(argv, timeout=self.timeout, stop=self.stop, cwd=cwd, stdin=stdin)
        except ToolMissing as missing:
            raise Refusal(
                "NODE_COMMAND_FAILED",
                f"The node has no {missing.tool}, which this step needs. Install it there.",
            ) from None
        if done.code != 0 and says_disk_full(done.stderr.decode("utf-8", "replace")):
            raise disk_full(argv[0])
        return done

    def run(self, *argv: str, cwd: PurePosixPath | None = None, stdin: bytes | None = None) -> Completed:
        """Run a command that must succeed. Raises NODE_COMMAND_FAILED with its complaint, or as `attempt`."""
        done = self.attempt(*argv, cwd=cwd, stdin=stdin)
        if done.code != 0:
            raise Refusal("NODE_COMMAND_FAILED", self.failure(argv[0], done))
        return done

    def failure(self, tool: str, done: Completed) -> str:
        """Return the message for a command that failed: its end, its own words, and no path of the node."""
        words = strip_credentials(done.complaint).replace(str(self.node.root), "…")
        end = f"with exit code {done.code}" if done.code >= 0 else f"by signal {-done.code}"
        return f"{tool} ended {end} on the node: {words or 'it gave no reason'}."

    def test(self, flag: str, path: PurePosixPath) -> bool:
        """Ask `test` about a path, e.g. flag `-d`."""
        return self.attempt("test", flag, str(path)).code == 0

    def make_folder(self, path: PurePosixPath) -> None:
        """Create a folder and those above it."""
        self.run("mkdir", "-p", str(confine(self.node.root, path)))

    def remove(self, *paths: PurePosixPath) -> None:
        """Remove files and trees; of a symlink the link itself. Another file system is not entered."""
        doomed = [confine(self.node.root, path) for path in paths]
        if any(path == self.node.root for path in doomed):
            raise Refusal("NODE_COMMAND_FAILED", "The node's own folder is not removed.")
        if doomed:
            self.run("rm", "-rf", "--one-file-system", "--", *(str(path) for path in doomed))

    def move(self, source: PurePosixPath, target: PurePosixPath) -> None:
        """Rename within one file system; a file or symlink at `target` is replaced in one act."""
        self.run("mv", "-T", str(confine(self.node.root, source)), str(confine(self.node.root, target)))

    def read(self, path: PurePosixPath) -> bytes:
        """Return the content of a small file."""
        return self.run("cat", str(confine(self.node.root, path))).stdout

    def write(self, path: PurePosixPath, content: bytes) -> None:
        """Write a small file so that it is there whole or not at all, also after a power cut."""
        path = confine(self.node.root, path)
        # Always the same name: what a killed worker left is overwritten, and no two write one file.
        part = path.with_name(f".{path.name}.part")
        try:
            self.run("dd", f"of={part}", "conv=fsync", "status=none", stdin=content)
            self.move(part, path)
        except Refusal:
            with suppress(Refusal):
                self.remove(part)
            raise

    def append(self, path: PurePosixPath, line: bytes) -> None:
        """Add a line to a log file."""
        path = confine(self.node.root, path)
        self.run("dd", f"of={path}", "oflag=append", "conv=notrunc,fsync", "status=none", stdin=line)

    def list(self, path: PurePosixPath) -> list[str]:
        """Return the names in a folder, sorted; an absent folder is empty."""
        if not self.test("-d", path):
            return []
        found = self.run("find", str(path), "-mindepth", "1", "-maxdepth", "1", "-printf", r"%f\0")
        return sorted(name for name in found.text.split("\0") if name)

    def link_target(self, path: PurePosixPath) -> str | None:
        """Return where a symlink points, as written in it, or None."""
        done = self.attempt("readlink", "-n", str(path))
        return done.text if done.code == 0 else None

    def copy_tree(self, source: PurePosixPath, target: PurePosixPath, *, share: bool) -> None:
        """Copy a tree to `target`, which must not exist yet.

        With `share` files are hard links: at once and for no space, and only right where neither side is
        changed in place. Where the file system refuses links, and without `share`, blocks are shared if it
        can, else copied.
        """
        source, target = confine(self.node.root, source), confine(self.node.root, target)
        if share:
            if self.attempt("cp", "-alT", str(source), str(target)).code == 0:
                return
            self.remove(target)
        self.run("cp", "-aT", "--reflink=auto", str(source), str(target))
