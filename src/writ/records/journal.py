"""The journal of one server process: what it answered, until the recorder has taken it into the log.

A line is written by one `write` before the answer goes out, so it is in the kernel's hands: the end of the
process, however it comes, takes nothing with it. What a power cut may take is what the kernel had not written
to the disk yet; WRIT_AUDIT_FSYNC makes each answer wait for that.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

FOLDER, SUFFIX = "audit", ".journal"
ROTATE_BYTES = 8 << 20


class Journal:
    """Appends lines to files in a folder, for one thread. A file is made with the first line.

    The process holds a lock (flock) on the file that it writes to: whoever gets the lock knows that no more
    will come.
    """

    def __init__(self, folder: Path, *, fsync: bool = False, rotate_bytes: int = ROTATE_BYTES) -> None:
        self.folder = folder
        self._fsync, self._rotate_bytes = fsync, rotate_bytes
        self._descriptor = -1
        self._size = 0
        self._owner = 0

    def append(self, line: bytes) -> None:
        """Write a line, which ends in a line feed. Three to four microseconds on a local disk.

        Raises:
            OSError: it was not written, as on a full disk; nothing of it is left.
        """
        if self._descriptor < 0 or self._owner != os.getpid():
            self._open()
        written = os.write(self._descriptor, line)
        if written != len(line):
            self._take_back()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += written
        if self._fsync:
            os.fdatasync(self._descriptor)
        if self._size >= self._rotate_bytes:
            self.close()

    def close(self) -> None:
        """End the file; the next line begins another one."""
        if self._descriptor >= 0:
            if self._owner == os.getpid():
                os.close(self._descriptor)
            self._descriptor = -1

    def _take_back(self) -> None:
        # Half a line is no record. If it cannot be cut off, nothing may follow it.
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            self.close()

    def _open(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        started = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        path = self.folder / f"{started}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
        # Locked before it has its name: else the recorder could find it without an owner, and delete it.
        part = path.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.rename(path)
        except OSError:
            os.close(descriptor)
            with suppress(OSError):
                part.unlink()
            raise
        self._descriptor, self._size, self._owner = descriptor, 0, os.getpid()
