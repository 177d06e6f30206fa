"""Blobs of uploads and backups, kept under the home folder by kind and id."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

CHUNK = 1 << 18


class FileStore:
    """Files named `<kind>/<uuid>`. A file appears whole or not at all: it is written beside and renamed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, kind: str, file_id: UUID) -> Path:
        """Where the file is; its folder exists afterwards."""
        folder = self.root / kind
        if not folder.is_dir():
            # Backups and uploads hold everything of a site: other users of the machine do not read them.
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        return folder / str(file_id)

    def incoming(self, kind: str, file_id: UUID) -> Path:
        """Where the file is written before `keep` gives it its name."""
        return self.path(kind, file_id).with_suffix(".part")

    def keep(self, kind: str, file_id: UUID) -> Path:
        """Flush the incoming file to the disk and give it its name.

        Raises:
            OSError: the disk is full or the incoming file is not there.
        """
        incoming, path = self.incoming(kind, file_id), self.path(kind, file_id)
        with incoming.open("rb") as handle:
            os.fsync(handle.fileno())
        incoming.replace(path)
        return path

    def drop(self, kind: str, file_id: UUID) -> None:
        """Delete the file and what was left of writing it; absent is fine."""
        self.path(kind, file_id).unlink(missing_ok=True)
        self.incoming(kind, file_id).unlink(missing_ok=True)

    def chunks(self, kind: str, file_id: UUID) -> Iterator[bytes]:
        """The file's bytes in pieces of 256 KiB.

        Raises:
            FileNotFoundError: there is no such file.
        """
        with self.path(kind, file_id).open("rb") as handle:
            while piece := handle.read(CHUNK):
                yield piece
