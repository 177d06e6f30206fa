"""Short ways to make archives, releases and databases in these tests."""

from __future__ import annotations

import io
import sqlite3
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from writ.hosting.node import content, releases
from writ.hosting.node.base import Tools
from writ.hosting.node.layout import Layout
from writ.hosting.node.manifest import Manifest
from writ.hosting.sources import archives

ENVIRONMENT = "0193a000-0000-7000-8000-000000000001"
SITE = {"index.html": b"<h1>one</h1>\n", "css/site.css": b"body {}\n"}


def write_tar(path: Path, files: Mapping[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def sqlite_bytes(folder: Path, *rows: str) -> bytes:
    path = folder / "made.sqlite"
    path.unlink(missing_ok=True)
    add_rows(path, *rows)
    return path.read_bytes()


def add_rows(path: Path, *rows: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("create table if not exists posts (title text)")
        connection.executemany("insert into posts values (?)", [(row,) for row in rows])
    connection.close()


def read_rows(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    rows = [row[0] for row in connection.execute("select title from posts")]
    connection.close()
    return rows


@dataclass
class World:
    tools: Tools
    layout: Layout
    scratch: PurePosixPath
    folder: Path

    def stage(self, release: str, files: Mapping[str, bytes], generation: str = "g1") -> Manifest:
        """Bring a release to the node as a deploy does, up to the swap."""
        tar = self.folder / "clean.tar"
        archives.sanitise(write_tar(self.folder / "source.tar.gz", files), tar)
        content.create_empty(self.tools, self.layout, generation)
        releases.unpack(self.tools, self.layout, release, tar, self.scratch)
        releases.link_shared(self.tools, self.layout, release, generation)
        return releases.describe(self.tools, self.layout, release)

    def deploy(self, release: str, files: Mapping[str, bytes] = SITE, generation: str = "g1") -> Manifest:
        """Stage, check and activate a release."""
        manifest = self.stage(release, files, generation)
        releases.check_release(self.tools, self.layout, release, manifest)
        releases.activate(self.tools, self.layout, release)
        return manifest

    @property
    def live(self) -> Path:
        return Path(self.layout.current)
