"""Generations of content: uploads and database files, kept apart from the code and shared by releases.

A generation is written by the live site. What replaces content (restore, promote, import) makes a new
generation beside the live one; going back to a release goes back to its generation too.

Database files are SQLite databases below `wp-content/database`. A copy is taken with the `sqlite3` program's
online backup when the node has it: consistent while the site writes. Without it the file is copied with its
`-wal`, `-shm` and `-journal` files, which is only sure to be consistent while nobody writes; the log says so.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection
from pathlib import PurePosixPath

from writ.contract.errors import Refusal
from writ.hosting.node.base import Tools
from writ.hosting.node.layout import CONTENT_PARTS, Layout, check_id

SQLITE_HEADER = b"SQLite format 3\0"
_SIDE_FILES = ("-wal", "-shm", "-journal")


def create_empty(tools: Tools, layout: Layout, generation: str) -> None:
    """Make a generation without content; one that is there stays as it is."""
    for part in CONTENT_PARTS:
        tools.make_folder(layout.part(generation, part))


def seed(tools: Tools, layout: Layout, generation: str, part: str, tree: PurePosixPath) -> bool:
    """Move a folder in as a part of a generation, if that part is still empty; return whether it was."""
    place = layout.part(generation, part)
    tools.make_folder(place.parent)
    # rmdir and not rm: should the site have written in this very moment, its files win.
    if tools.test("-d", place) and tools.attempt("rmdir", "--", str(place)).code != 0:
        return False
    tools.move(tree, place)
    return True


def copy_parts(
    tools: Tools,
    source: Layout,
    from_generation: str,
    target: Layout,
    to_generation: str,
    parts: Collection[str] = CONTENT_PARTS,
) -> None:
    """Copy parts of a generation into another, within an environment or across two on one node.

    Files are real copies (blocks are shared where the file system can): both sides are written to later. A
    part of the target that is there already is replaced.
    """
    if (source, from_generation) == (target, to_generation):
        raise Refusal("NODE_COMMAND_FAILED", "Content cannot be copied onto itself.")
    check_not_live(tools, target, to_generation)
    tools.make_folder(target.content(to_generation))
    for part in parts:
        place, origin = target.part(to_generation, part), source.part(from_generation, part)
        tools.remove(place)
        if not tools.test("-d", origin):
            tools.make_folder(place)
        elif part == "database":
            copy_database(tools, origin, place)
        else:
            tools.copy_tree(origin, place, share=False)


def copy_database(tools: Tools, source: PurePosixPath, target: PurePosixPath) -> None:
    """Copy a folder of database files to `target`, which is made. See the module for how SQLite is copied."""
    tools.make_folder(target)
    # Text read with surrogates keeps a name that is not UTF-8 as it is on the way back to the node.
    raw = tools.run("find", ".", "-type", "f", "-printf", r"%P\0", cwd=source).stdout
    names = {name.decode("utf-8", "surrogateescape") for name in raw.split(b"\0") if name}
    databases = {name for name in names if is_sqlite(tools, source / name)}
    online = tools.node.which("sqlite3")
    if databases and not online:
        tools.log("The node has no sqlite3: database files are copied as they lie, with their journals.")
    for name in sorted(names):
        if online and any(name == base + side for base in databases for side in _SIDE_FILES):
            continue
        place = target / name
        if posixpath.dirname(name):
            tools.make_folder(place.parent)
        if online and name in databases:
            _copy_online(tools, source / name, place)
        else:
            tools.run("cp", "-a", "--reflink=auto", "--", str(source / name), str(place))


def _copy_online(tools: Tools, source: PurePosixPath, target: PurePosixPath) -> None:
    # The copy gets a plain name first: a dot-command has quoting rules of its own.
    done = tools.attempt(
        *("sqlite3", "-batch", "-bail", "-init", "/dev/null", "-cmd", ".timeout 15000"),
        *(str(source), ".backup main backup-in-progress.sqlite"),
        cwd=target.parent,
    )
    if done.code != 0:
        raise Refusal("NODE_COMMAND_FAILED", tools.failure("sqlite3", done))
    tools.run("chmod", f"--reference={source}", "backup-in-progress.sqlite", cwd=target.parent)
    tools.move(target.parent / "backup-in-progress.sqlite", target)


def is_sqlite(tools: Tools, path: PurePosixPath) -> bool:
    """Say whether a file on the node is an SQLite database."""
    return tools.run("head", "-c", "16", "--", str(path)).stdout == SQLITE_HEADER


def generation_of(tools: Tools, layout: Layout, release_id: str) -> str | None:
    """Return the generation that a release uses, or None."""
    target = tools.link_target(layout.release(release_id) / "wp-content" / "uploads")
    if target is None:
        return None
    parts = PurePosixPath(target).parts
    if len(parts) != 7 or parts[:4] != ("..", "..", "..", "shared"):
        return None
    return check_id(parts[4])


def check_not_live(tools: Tools, layout: Layout, generation: str) -> None:
    """Refuse to touch the content that is served now. Raises Refusal NODE_COMMAND_FAILED."""
    served = tools.link_target(layout.current / "wp-content" / "uploads")
    if served is not None and PurePosixPath(served).parts[4:5] == (generation,):
        raise Refusal("NODE_COMMAND_FAILED", "This content is served now; nothing was replaced.")


def discard(tools: Tools, layout: Layout, generation: str) -> None:
    """Remove a generation. Raises Refusal NODE_COMMAND_FAILED when a release still uses it."""
    if generation in _used(tools, layout):
        raise Refusal("NODE_COMMAND_FAILED", "A release still uses this content; it is not removed.")
    tools.remove(layout.shared / check_id(generation))


def prune(tools: Tools, layout: Layout) -> list[str]:
    """Remove the generations that no release uses, and return them. Call it after `releases.prune`."""
    used = _used(tools, layout)
    doomed = [name for name in tools.list(layout.shared) if name not in used]
    tools.remove(*(layout.shared / name for name in doomed))
    return doomed


def _used(tools: Tools, layout: Layout) -> set[str | None]:
    return {generation_of(tools, layout, release) for release in tools.list(layout.releases)}
