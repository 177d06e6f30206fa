"""What a tree of files holds: every path with its sha256 and size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from writ.contract.errors import Refusal
from writ.hosting.node.base import Tools


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file: sha256 in hex, size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """A tree by relative path: its files, its symlinks (path to target), and what is neither (path to
    `find` type).

    Folders are not listed: an empty one means nothing to a release. A path whose name is not UTF-8 is
    written with backslash escapes.
    """

    files: dict[str, FileEntry] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    special: dict[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(entry.size for entry in self.files.values())

    def as_json(self) -> dict[str, Any]:
        """Return the manifest as plain data, sorted by path."""
        return {
            "files": {p: {"sha256": e.sha256, "size": e.size} for p, e in sorted(self.files.items())},
            "links": dict(sorted(self.links.items())),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Manifest:
        """Read what `as_json` wrote. Raises KeyError, TypeError or ValueError for something else."""
        files = {str(p): FileEntry(str(e["sha256"]), int(e["size"])) for p, e in data["files"].items()}
        return Manifest(files, {str(p): str(target) for p, target in data["links"].items()})

    def below(self, folder: str) -> Manifest:
        """Return the part below a folder, with paths relative to it."""
        prefix = f"{folder}/"
        return Manifest(
            {p.removeprefix(prefix): e for p, e in self.files.items() if p.startswith(prefix)},
            {p.removeprefix(prefix): t for p, t in self.links.items() if p.startswith(prefix)},
            {p.removeprefix(prefix): k for p, k in self.special.items() if p.startswith(prefix)},
        )


def read_manifest(tools: Tools, tree: PurePosixPath, *, without: Iterable[str] = ()) -> Manifest:
    """Read a tree on the node with `find` and `sha256sum`. Paths in `without` are left out, with what is
    below them.

    Raises Refusal NODE_COMMAND_FAILED, e.g. when a file cannot be read.
    """
    pruned: list[str] = []
    for path in without:
        pruned += ["-path", f"./{path}", "-prune", "-o"]
    listing = tools.run(
        "find", ".", "-mindepth", "1", *pruned, "!", "-type", "d", "-printf", r"%y\0%s\0%l\0%P\0", cwd=tree
    )
    manifest = Manifest()
    sizes: dict[bytes, int] = {}
    fields = listing.stdout.split(b"\0")
    for kind, size, target, name in zip(fields[0::4], fields[1::4], fields[2::4], fields[3::4], strict=False):
        if kind == b"f":
            sizes[name] = int(size)
        elif kind == b"l":
            manifest.links[_text(name)] = _text(target)
        else:
            manifest.special[_text(name)] = kind.decode("ascii", "replace")
    sums = tools.run(
        "find", ".", "-mindepth", "1", *pruned, "-type", "f", "-exec", "sha256sum", "-z", "{}", "+", cwd=tree
    )
    for line in sums.stdout.split(b"\0"):
        if not line:
            continue
        digest, _, name = line.partition(b"  ")
        name = name.removeprefix(b"./")
        # A file that came in between the two readings has no size yet: it counts as not there.
        if name in sizes:
            manifest.files[_text(name)] = FileEntry(digest.decode("ascii"), sizes[name])
    return manifest


def read_sums(tools: Tools, tree: PurePosixPath, paths: Iterable[str]) -> dict[str, str | None]:
    """Return the sha256 of some files of a tree by path; None for one that cannot be read."""
    wanted = list(paths)
    found: dict[str, str | None] = dict.fromkeys(wanted)
    if not wanted:
        return found
    done = tools.attempt("sha256sum", "-z", *(f"./{path}" for path in wanted), cwd=tree)
    for line in done.stdout.split(b"\0"):
        digest, _, name = line.partition(b"  ")
        if name:
            found[_text(name.removeprefix(b"./"))] = digest.decode("ascii")
    return found


def file_sum(tools: Tools, path: PurePosixPath) -> str:
    """Return the sha256 of one file on the node."""
    digest = tools.run("sha256sum", "-z", str(path)).stdout[:64].decode("ascii", "replace")
    if len(digest) != 64:
        raise Refusal("NODE_COMMAND_FAILED", "sha256sum gave no sum.")
    return digest


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")
