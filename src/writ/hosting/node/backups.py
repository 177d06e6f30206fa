"""Backups: one compressed archive with a manifest of sha256, proved by really unpacking it.

An archive holds `manifest.json` first, then a folder for each part of its scope:

| scope | code | uploads | database |
|---|---|---|---|
| files | yes | yes | |
| db | | | yes |
| full | yes | yes | yes |

A part without files is still there, as an empty folder, and the manifest says `"files": 0`.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from writ.contract.errors import Refusal
from writ.hosting.node import content, releases
from writ.hosting.node.base import Tools
from writ.hosting.node.layout import CONTENT_PARTS, SHARED_PATHS, Layout
from writ.hosting.node.manifest import Manifest, file_sum, read_manifest

FORMAT = 1
_HEAD = re.compile(rb'\{\s*"format":\s*\d+,\s*"kind":\s*"writ-backup"')
SCOPES = {"db": ("database",), "files": ("code", "uploads"), "full": ("code", "uploads", "database")}


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup in the file store: its size in bytes, its sha256 in hex, files and bytes by part."""

    size: int
    sha256: str
    parts: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A backup unpacked on the node and found whole. `folder` holds a folder for each of `parts`."""

    folder: PurePosixPath
    parts: tuple[str, ...]
    head: dict[str, Any]
    manifest: Manifest


def create(
    tools: Tools, layout: Layout, release_id: str | None, scope: str, scratch: PurePosixPath, to: Path
) -> Backup:
    """Back up a release and its content into the archive `to`; `scope` is db, files or full.

    An environment that has no release yet gives empty parts. `scratch` must be on the environment's file
    system.

    Raises Refusal DISK_FULL, NODE_COMMAND_FAILED (also when a file changed while it was read: try again).
    """
    stage, archive = scratch / "backup", scratch / "backup.tar.gz"
    tools.remove(stage, archive)
    tools.make_folder(stage)
    generation = content.generation_of(tools, layout, release_id) if release_id is not None else None
    for part in SCOPES[scope]:
        _stage(tools, layout, release_id, generation, part, stage / part)
    # Sockets and pipes that a live site left behind have no content to keep.
    tools.run("find", ".", "!", "-type", "f", "!", "-type", "d", "!", "-type", "l", "-delete", cwd=stage)
    manifest = read_manifest(tools, stage)
    parts = {part: manifest.below(part) for part in SCOPES[scope]}
    counts = {part: {"files": len(held.files), "bytes": held.size} for part, held in parts.items()}
    head = {
        "format": FORMAT,
        "kind": "writ-backup",
        "scope": scope,
        "environment_id": layout.environment_id,
        "release_id": release_id,
        "created_at": datetime.now(UTC).isoformat(),
        "parts": counts,
    }
    tools.write(stage / "manifest.json", json.dumps(head | manifest.as_json(), indent=1).encode())
    tools.run(
        *(
            "tar",
            "-c",
            "-z",
            "--format=posix",
            "--hard-dereference",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
        ),
        *("-f", str(archive), "-C", str(stage), "manifest.json", *SCOPES[scope]),
    )
    sent = file_sum(tools, archive)
    tools.node.get(archive, to)
    size, digest = _local_sum(to)
    if digest != sent:
        to.unlink(missing_ok=True)
        raise Refusal("BACKUP_CORRUPT", "The backup changed on its way from the node. Make it again.")
    tools.remove(stage, archive)
    return Backup(size, digest, counts)


def _stage(
    tools: Tools,
    layout: Layout,
    release_id: str | None,
    generation: str | None,
    part: str,
    place: PurePosixPath,
) -> None:
    if part == "code":
        origin = layout.release(release_id) if release_id is not None else None
    else:
        origin = layout.part(generation, part) if generation is not None else None
    if origin is None or not tools.test("-d", origin):
        tools.make_folder(place)
    elif part == "database":
        content.copy_database(tools, origin, place)
    else:
        tools.copy_tree(origin, place, share=True)
        if part == "code":
            tools.remove(*(place / path for path in SHARED_PATHS))


def unpack(tools: Tools, archive: Path, scratch: PurePosixPath, *, sha256: str | None = None) -> Unpacked:
    """Send a backup to the node, unpack it in `scratch` and compare every file with the manifest in it.

    `sha256` is what the archive had when it was made. Raises Refusal BACKUP_CORRUPT, DISK_FULL.
    """
    if not archive.is_file():
        raise Refusal("BACKUP_CORRUPT", "The backup's archive is no longer in the file store.")
    if sha256 is not None and _local_sum(archive)[1] != sha256:
        raise Refusal(
            "BACKUP_CORRUPT", "The backup's archive is not the one that was made. Use another backup."
        )
    folder, remote = scratch / "restored", scratch / "restored.tar.gz"
    tools.remove(folder, remote)
    tools.make_folder(folder)
    tools.node.put(archive, remote)
    done = tools.attempt("tar", "-x", "-z", "--no-same-owner", "-f", str(remote), "-C", str(folder))
    if done.code != 0:
        raise Refusal(
            "BACKUP_CORRUPT", f"The backup cannot be unpacked: {done.complaint}. Use another backup."
        )
    tools.remove(remote)
    return _open(tools, folder)


def is_backup(tools: Tools, folder: PurePosixPath) -> bool:
    """Say whether an unpacked archive is a backup by its first bytes: a site may have a manifest.json too."""
    done = tools.attempt("head", "-c", "100", str(folder / "manifest.json"))
    return done.code == 0 and _HEAD.match(done.stdout) is not None


def lay_out(tools: Tools, tree: PurePosixPath, scratch: PurePosixPath) -> None:
    """Make of an unpacked backup, in its place, the tree of the site that it was made of.

    Raises Refusal BACKUP_CORRUPT, also for a backup without code.
    """
    folder = scratch / "backup"
    tools.remove(folder)
    tools.make_folder(scratch)
    tools.move(tree, folder)
    unpacked = _open(tools, folder)
    _need(unpacked, "code")
    _check_folder(tools, folder / "code" / "wp-content")
    tools.move(folder / "code", tree)
    tools.make_folder(tree / "wp-content")
    for part, path in zip(CONTENT_PARTS, SHARED_PATHS, strict=True):
        if part in unpacked.parts:
            tools.remove(tree / path)
            tools.move(folder / part, tree / path)
    tools.remove(folder)


def _open(tools: Tools, folder: PurePosixPath) -> Unpacked:
    head, expected = _read_head(tools, folder / "manifest.json")
    parts = SCOPES[head["scope"]]
    tools.remove(folder / "manifest.json")
    _compare(expected, read_manifest(tools, folder))
    for part in parts:
        _check_folder(tools, folder / part)
        tools.make_folder(folder / part)
    return Unpacked(folder, parts, head, expected)


def _check_folder(tools: Tools, place: PurePosixPath) -> None:
    # A link that stays in the archive may leave the tree that is made of it: nothing goes through one.
    if tools.test("-L", place):
        raise Refusal("BACKUP_CORRUPT", f"{place.name} is a symlink in this backup; it must be a folder.")


def verify(tools: Tools, archive: Path, scratch: PurePosixPath, *, sha256: str | None = None) -> None:
    """Prove a backup by restoring it to scratch; SQLite databases are opened and checked too where sqlite3
    is there.

    Raises Refusal BACKUP_CORRUPT, DISK_FULL.
    """
    unpacked = unpack(tools, archive, scratch, sha256=sha256)
    if "database" in unpacked.parts and tools.node.which("sqlite3"):
        for name in sorted(unpacked.manifest.below("database").files):
            _probe(tools, unpacked.folder / "database", name)
    tools.remove(unpacked.folder)


def restore_code(tools: Tools, unpacked: Unpacked, layout: Layout, release_id: str) -> None:
    """Move the code of an unpacked backup in as a new release. Raises BACKUP_CORRUPT if it has none."""
    _need(unpacked, "code")
    if releases.current(tools, layout) == release_id:
        raise Refusal("RELEASE_INVALID", "This release is live already. Restore under a new id.")
    tools.make_folder(layout.releases)
    tools.remove(layout.release(release_id))
    tools.move(unpacked.folder / "code", layout.release(release_id))


def restore_content(tools: Tools, unpacked: Unpacked, layout: Layout, generation: str) -> tuple[str, ...]:
    """Move the content of an unpacked backup in as parts of a generation, and return which parts it had."""
    parts = tuple(part for part in CONTENT_PARTS if part in unpacked.parts)
    content.check_not_live(tools, layout, generation)
    tools.make_folder(layout.content(generation))
    for part in parts:
        place = layout.part(generation, part)
        tools.remove(place)
        tools.move(unpacked.folder / part, place)
    return parts


def _need(unpacked: Unpacked, part: str) -> None:
    if part not in unpacked.parts:
        raise Refusal("BACKUP_CORRUPT", f"This backup has no {part}: its scope is {unpacked.head['scope']}.")


def _probe(tools: Tools, folder: PurePosixPath, name: str) -> None:
    if not content.is_sqlite(tools, folder / name):
        return
    done = tools.attempt(
        "sqlite3", "-batch", "-bail", "-init", "/dev/null", str(folder / name), "PRAGMA quick_check"
    )
    if done.code != 0 or done.text.strip() != "ok":
        raise Refusal(
            "BACKUP_CORRUPT",
            f"The database {name} in the backup is damaged: {done.complaint or done.text[:300]}",
        )


def _read_head(tools: Tools, path: PurePosixPath) -> tuple[dict[str, Any], Manifest]:
    try:
        head = json.loads(tools.read(path))
        if head["format"] != FORMAT or head["kind"] != "writ-backup" or head["scope"] not in SCOPES:
            raise ValueError("another format")
        manifest = Manifest.from_json(head)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refusal(
            "BACKUP_CORRUPT", "The backup has no readable manifest of the expected format."
        ) from None
    except Refusal as refusal:
        if refusal.code != "NODE_COMMAND_FAILED":
            raise
        raise Refusal("BACKUP_CORRUPT", "The backup has no manifest.") from None
    return {key: value for key, value in head.items() if key not in ("files", "links")}, manifest


def _compare(expected: Manifest, found: Manifest) -> None:
    sums = {path: entry.sha256 for path, entry in expected.files.items()}
    seen = {path: entry.sha256 for path, entry in found.files.items()}
    if sums == seen and expected.links == found.links and not found.special:
        return
    wrong = sorted(path for path in sums.keys() | seen.keys() if sums.get(path) != seen.get(path))
    links = expected.links.keys() | found.links.keys()
    wrong += sorted(path for path in links if expected.links.get(path) != found.links.get(path))
    wrong += sorted(found.special)
    raise Refusal(
        "BACKUP_CORRUPT",
        f"{len(wrong)} entries of the backup differ from its manifest, e.g. {', '.join(wrong[:3])}. Use"
        " another backup.",
    )


def _local_sum(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest()
