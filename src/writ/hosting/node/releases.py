"""Releases: unpacked beside, checked, linked to their content, swapped in by one rename, and undone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from writ.contract.errors import Refusal
from writ.hosting.node import content
from writ.hosting.node.base import Tools
from writ.hosting.node.layout import CONTENT_PARTS, SHARED_PATHS, Layout
from writ.hosting.node.links import leaves_tree
from writ.hosting.node.manifest import Manifest, read_manifest, read_sums

SAMPLE = 50
LINT_AT_ONCE = 2

HealthCheck = Callable[[], None]


@dataclass(frozen=True, slots=True)
class ReleaseEvent:
    """A line of `releases.jsonl`; `event` is `activated`, `bad` or `discarded`."""

    at: str
    release: str
    event: str
    reason: str = ""


def unpack(tools: Tools, layout: Layout, release_id: str, tar: Path, scratch: PurePosixPath) -> None:
    """Send a clean tar (from `sources.archives.sanitise`) to the node and unpack it as a new release.

    The tree appears under its final name only when it is whole. An old attempt under the same id is
    replaced, unless it is the live one: then Refusal RELEASE_INVALID.
    """
    tree = layout.release(release_id)
    if current(tools, layout) == release_id:
        raise Refusal("RELEASE_INVALID", "This release is live already. Deploy under a new id.")
    tools.make_folder(scratch)
    tools.make_folder(layout.releases)
    archive, half = scratch / "release.tar", scratch / "release"
    tools.remove(half, tree)
    tools.make_folder(half)
    tools.node.put(tar, archive)
    tools.run("tar", "-x", "--no-same-owner", "--no-same-permissions", "-f", str(archive), "-C", str(half))
    tools.remove(archive)
    tools.move(half, tree)


def copy_code(
    tools: Tools, source: PurePosixPath, layout: Layout, release_id: str, *, in_place: bool = False
) -> None:
    """Make a new release from the code of another one.

    Within one environment files are shared as hard links, as a release is never changed in place; another
    environment gets files of its own, so that a change in one can never reach the other; so does a release
    that will be changed `in_place` before it goes live. The new one has no content: call `link_shared`.
    """
    tree = layout.release(release_id)
    if current(tools, layout) == release_id:
        raise Refusal("RELEASE_INVALID", "This release is live already. Use a new id.")
    tools.make_folder(layout.releases)
    tools.remove(tree)
    tools.copy_tree(source, tree, share=source.parent == layout.releases and not in_place)
    tools.remove(*(tree / path for path in SHARED_PATHS))


def describe(tools: Tools, layout: Layout, release_id: str) -> Manifest:
    """Read the manifest of a release's code; its content is left out."""
    return read_manifest(tools, layout.release(release_id), without=SHARED_PATHS)


def link_shared(tools: Tools, layout: Layout, release_id: str, generation: str) -> None:
    """Make the release use a generation of content.

    Content that came in the release's own tree seeds the generation's part if that is still empty, and is
    dropped otherwise: a deploy never overwrites what visitors and editors made.
    """
    tree = layout.release(release_id)
    if tools.test("-L", tree / "wp-content"):
        raise Refusal("RELEASE_INVALID", "wp-content is a symlink in this release. It must be a folder.")
    if tools.test("-e", tree / "wp-content") and not tools.test("-d", tree / "wp-content"):
        raise Refusal("RELEASE_INVALID", "wp-content is a file in this release. It must be a folder.")
    tools.make_folder(tree / "wp-content")
    for part in CONTENT_PARTS:
        place = tree / "wp-content" / part
        if tools.test("-d", place) and not tools.test("-L", place):
            if content.seed(tools, layout, generation, part, place):
                tools.log(f"wp-content/{part} of the release is the first content of this environment.")
            else:
                tools.log(f"wp-content/{part} of the release is not used: the environment has its own.")
        tools.remove(place)
        # Relative, so that the node's folder can move. The link sits three folders below the environment.
        tools.run("ln", "-s", f"../../../shared/{generation}/wp-content/{part}", str(place))


def check_release(
    tools: Tools, layout: Layout, release_id: str, manifest: Manifest, previous: Manifest | None = None
) -> None:
    """Check a release before it goes live.

    It must hold files, no symlink may lead out of it (the two into its content apart), nothing may be a
    device, a pipe or a socket, and where the node has PHP every PHP file that `previous` does not have must
    parse.

    Raises Refusal RELEASE_INVALID.
    """
    if not manifest.files:
        raise Refusal(
            "RELEASE_INVALID", "The release holds no files. Check that the source is the right one."
        )
    if manifest.special:
        path = min(manifest.special)
        raise Refusal("RELEASE_INVALID", f"{path} is neither a file nor a folder nor a symlink. Remove it.")
    for path in sorted(manifest.links):
        if leaves_tree(manifest.links, path, boundary=SHARED_PATHS):
            raise Refusal("RELEASE_INVALID", f"The symlink {path} leads out of the release. Remove it.")
    for place in SHARED_PATHS:
        target = tools.link_target(layout.release(release_id) / place)
        if target is None or not target.startswith("../../../shared/"):
            raise Refusal("RELEASE_INVALID", f"{place} is not linked to the environment's content.")
    _check_php(tools, layout.release(release_id), manifest, previous)


def _check_php(tools: Tools, tree: PurePosixPath, manifest: Manifest, previous: Manifest | None) -> None:
    known = previous.files if previous is not None else {}
    scripts = [
        path
        for path, entry in sorted(manifest.files.items())
        if path.endswith(".php")
        and "\\" not in path
        and (path not in known or known[path].sha256 != entry.sha256)
    ]
    if not scripts:
        return
    if not tools.node.which("php"):
        tools.log(f"{len(scripts)} PHP files were not checked: the node has no php.")
        return
    names = b"".join(f"./{path}".encode() + b"\0" for path in scripts)
    argv = (
        "xargs",
        "-0",
        "-r",
        "-n",
        "1",
        "-P",
        str(LINT_AT_ONCE),
        "php",
        "-n",
        "-d",
        "display_errors=stderr",
        "-l",
    )
    done = tools.attempt(*argv, cwd=tree, stdin=names)
    if done.code != 0:
        raise Refusal("RELEASE_INVALID", f"A PHP file does not parse: {done.complaint or done.text[:600]}")
    tools.log(f"{len(scripts)} PHP files parse.")


def current(tools: Tools, layout: Layout) -> str | None:
    """Return the id of the live release, or None."""
    target = tools.link_target(layout.current)
    if target is None or not target.startswith("releases/"):
        return None
    return target.removeprefix("releases/")


def activate(tools: Tools, layout: Layout, release_id: str) -> str | None:
    """Make a release the live one by a single rename, and return the one that was live before.

    A reader sees the old release or the new one, never neither. Doing it twice changes nothing.
    """
    before = current(tools, layout)
    if not tools.test("-d", layout.release(release_id)):
        raise Refusal("RELEASE_INVALID", "The release is no longer on the node. Deploy it again.")
    link = layout.home / ".current.part"
    tools.run("ln", "-sfn", f"releases/{release_id}", str(link))
    tools.move(link, layout.current)
    _note(tools, layout, release_id, "activated")
    return before


def check_after(
    tools: Tools, layout: Layout, release_id: str, manifest: Manifest, health: HealthCheck | None = None
) -> None:
    """Check that the live site is this release: the link, a sample of its files through the link, and
    `health`.

    `health` raises anything to say that the site is not well. Raises Refusal HEALTH_CHECK_FAILED.
    """
    if current(tools, layout) != release_id:
        raise Refusal("HEALTH_CHECK_FAILED", "The live release is not the one that was activated.")
    paths = sorted(manifest.files)
    sample = paths[:: max(1, -(-len(paths) // SAMPLE))]
    # A path with escapes cannot be asked for by name; the check before the swap has read it.
    sums = read_sums(tools, layout.current, [path for path in sample if "\\" not in path])
    for path, digest in sums.items():
        if digest != manifest.files[path].sha256:
            raise Refusal("HEALTH_CHECK_FAILED", f"{path} is not served as it was released.")
    if health is None:
        return
    try:
        health()
    except Refusal as refusal:
        raise Refusal("HEALTH_CHECK_FAILED", refusal.message) from refusal
    except (OSError, ValueError) as fault:
        raise Refusal("HEALTH_CHECK_FAILED", f"The site did not answer as expected: {fault}") from fault


def rollback(tools: Tools, layout: Layout, to: str, *, bad: str | None = None, reason: str = "") -> None:
    """Make an earlier release live again, and mark the one that was left as bad when `bad` names it."""
    activate(tools, layout, to)
    if bad is not None:
        mark_bad(tools, layout, bad, reason)


def deactivate(tools: Tools, layout: Layout) -> None:
    """Take the site offline: how a failed first release is undone."""
    tools.remove(layout.current)


def mark_bad(tools: Tools, layout: Layout, release_id: str, reason: str = "") -> None:
    """Note that a release must not be gone back to."""
    _note(tools, layout, release_id, "bad", reason)


def discard(tools: Tools, layout: Layout, release_id: str) -> None:
    """Remove a release that is not live; its content stays. One that is gone already is no error."""
    if current(tools, layout) == release_id:
        raise Refusal("RELEASE_INVALID", "The live release is not removed. Activate another one first.")
    tree = layout.release(release_id)
    if tools.test("-d", tree):
        tools.remove(tree)
        _note(tools, layout, release_id, "discarded")


def history(tools: Tools, layout: Layout) -> list[ReleaseEvent]:
    """Return the log of releases, oldest first. A line that a crash cut short is passed over."""
    if not tools.test("-f", layout.history):
        return []
    events = []
    for line in tools.read(layout.history).splitlines():
        try:
            data = json.loads(line)
            events.append(ReleaseEvent(data["at"], data["release"], data["event"], data.get("reason", "")))
        except (ValueError, KeyError, TypeError):
            continue
    return events


def bad_releases(events: Iterable[ReleaseEvent]) -> dict[str, str]:
    """Return the releases that are marked bad, with the reason.

    One that was activated after that is good again: the job that took it back has repeated its step.
    """
    bad: dict[str, str] = {}
    for event in events:
        if event.event == "bad":
            bad[event.release] = event.reason
        elif event.event == "activated":
            bad.pop(event.release, None)
    return bad


def prune(tools: Tools, layout: Layout, keep: int) -> list[str]:
    """Remove all releases but the live one and the `keep` good ones that were live last; return what went.

    What never went live is a leftover of a failed job, and goes too: call this only while no other job
    works on the environment.
    """
    events = history(tools, layout)
    bad = bad_releases(events)
    order = {event.release: place for place, event in enumerate(events) if event.event == "activated"}
    there = tools.list(layout.releases)
    good = sorted((name for name in there if name in order and name not in bad), key=order.__getitem__)
    kept = set(good[-keep:] if keep > 0 else []) | {current(tools, layout)}
    doomed = [name for name in there if name not in kept]
    for name in doomed:
        discard(tools, layout, name)
    return doomed


def _note(tools: Tools, layout: Layout, release_id: str, event: str, reason: str = "") -> None:
    line = {"at": datetime.now(UTC).isoformat(), "release": release_id, "event": event}
    if reason:
        line["reason"] = reason[:500]
    tools.append(layout.history, json.dumps(line).encode() + b"\n")
