"""Where everything of an environment lies on its node.

environments/<environment>/
  releases/<release>/            the code; its wp-content/uploads and wp-content/database are links to
  shared/<generation>/wp-content/{uploads,database}     the content
  current -> releases/<release>  what is served: one rename swaps code and content together
  releases.jsonl                 what happened to releases, a line an event
  cache.json                     the cache flags and the generation of the page cache
  scratch/<job>-<attempt>/       where a job works; nothing in it is served
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from writ.contract.errors import Refusal

CONTENT_PARTS = ("uploads", "database")
SHARED_PATHS = tuple(f"wp-content/{part}" for part in CONTENT_PARTS)

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", re.ASCII)


def check_id(name: str) -> str:
    """Return an id that is fit to be a folder's name. Raises Refusal NODE_COMMAND_FAILED for another."""
    if not _ID.fullmatch(name):
        raise Refusal(
            "NODE_COMMAND_FAILED", "An id holds characters that no path may have; nothing was done."
        )
    return name


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one environment below a node's root. Ids are letters, digits, `-` and `_`."""

    root: PurePosixPath
    environment_id: str

    @property
    def home(self) -> PurePosixPath:
        """The environment's own folder."""
        return self.root / "environments" / check_id(self.environment_id)

    @property
    def releases(self) -> PurePosixPath:
        """The folder of releases."""
        return self.home / "releases"

    @property
    def shared(self) -> PurePosixPath:
        """The folder of content generations."""
        return self.home / "shared"

    @property
    def current(self) -> PurePosixPath:
        """The link to the live release."""
        return self.home / "current"

    @property
    def history(self) -> PurePosixPath:
        """The log of releases."""
        return self.home / "releases.jsonl"

    @property
    def cache_file(self) -> PurePosixPath:
        """The cache flags."""
        return self.home / "cache.json"

    @property
    def server_block(self) -> PurePosixPath:
        """The rendered nginx configuration."""
        return self.root / "nginx" / f"{check_id(self.environment_id)}.conf"

    def release(self, release_id: str) -> PurePosixPath:
        """The tree of a release."""
        return self.releases / check_id(release_id)

    def content(self, generation: str) -> PurePosixPath:
        """The wp-content folder of a generation."""
        return self.shared / check_id(generation) / "wp-content"

    def part(self, generation: str, part: str) -> PurePosixPath:
        """A part of a generation: `uploads` or `database`."""
        if part not in CONTENT_PARTS:
            raise ValueError(part)
        return self.content(generation) / part

    def scratch(self, job_id: str, attempt: int) -> PurePosixPath:
        """Where one attempt of a job works: on the releases' file system, so that moves are renames."""
        return self.home / "scratch" / f"{check_id(job_id)}-{attempt:d}"
