"""The node that is this machine."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from writ import processes
from writ.contract.errors import Refusal
from writ.hosting.node.base import confine, disk_full
from writ.processes import Completed, StopSignal


class EmbeddedNode:
    """A node in a folder of this machine, which is created if it is not there. It is a `Node`."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = PurePosixPath(root.resolve())
        self._which: dict[str, bool] = {}

    @property
    def root(self) -> PurePosixPath:
        """The node's folder, resolved."""
        return self._root

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        stop: StopSignal | None = None,
        cwd: PurePosixPath | None = None,
        stdin: bytes | None = None,
    ) -> Completed:
        """Run a program here; see `writ.processes.run` for what it raises."""
        folder = str(self._inside(cwd)) if cwd is not None else str(self._root)
        return processes.run(argv, timeout=timeout, stop=stop, cwd=folder, stdin=stdin)

    def put(self, local: Path, remote: PurePosixPath) -> None:
        """Copy a file into the node's folder."""
        self._copy(local, self._inside(remote))

    def get(self, remote: PurePosixPath, local: Path) -> None:
        """Copy a file out of the node's folder; it is on the disk when this returns."""
        self._copy(self._inside(remote), local)

    def which(self, tool: str) -> bool:
        """Say whether the program is on the search path."""
        if tool not in self._which:
            self._which[tool] = shutil.which(tool) is not None
        return self._which[tool]

    def _inside(self, path: PurePosixPath) -> Path:
        """Return the path with its symlinks followed, and refuse one that ends outside."""
        resolved = Path(confine(self._root, path)).resolve()
        confine(self._root, PurePosixPath(resolved))
        return resolved

    def _copy(self, source: Path, target: Path) -> None:
        try:
            with source.open("rb") as reader, target.open("wb") as writer:
                shutil.copyfileobj(reader, writer, 1024 * 1024)
                writer.flush()
                os.fsync(writer.fileno())
        except OSError as fault:
            target.unlink(missing_ok=True)
            if fault.errno in (errno.ENOSPC, errno.EDQUOT):
                raise disk_full("copying a file") from None
            reason = os.strerror(fault.errno or 0)
            raise Refusal("NODE_COMMAND_FAILED", f"A file could not be moved: {reason}.") from None
