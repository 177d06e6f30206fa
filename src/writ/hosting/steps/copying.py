"""Releases made from what is there already: clones, promotions, restores, updates."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from writ.contract.errors import Refusal
from writ.hosting.node import backups, content, releases, wp
from writ.hosting.node.layout import CONTENT_PARTS
from writ.hosting.steps.backing_up import unpack_backup
from writ.hosting.steps.bench import Bench
from writ.hosting.steps.building import attach_content, begin_release, describe_release
from writ.jobs.context import JobContext

CODE_PRESETS = ("full", "code")
CONTENT_PRESETS = ("full", "content")


def build_copy(source_type: str) -> Callable[[JobContext], None]:
    """A step that builds a release of this environment from another one, by the order's preset.

    Code that the preset leaves out is the target's own, and so is content; a target that serves nothing yet
    has no code of its own, so it gets the source's.
    """

    def run(ctx: JobContext) -> None:
        target = Bench(ctx)
        source = Bench(ctx, UUID(ctx.parameters["source_environment_id"]))
        preset = ctx.parameters["preset"]
        live = source.live_release()
        if live is None:
            raise Refusal("NO_CURRENT_RELEASE", "The source serves no release any more; deploy one there.")
        begin_release(ctx, target, source_type, f"environment:{source.environment_id}")
        ours = target.live_release()
        code = source if preset in CODE_PRESETS or ours is None else target
        tree = code.layout.release(live if code is source else str(ours))
        releases.copy_code(target.tools, tree, target.layout, target.release_id)
        ctx.progress(0.5)
        describe_release(ctx, target)
        generation = target.generation()
        if preset in CONTENT_PRESETS:
            generation = target.fresh_generation
            content.copy_parts(target.tools, source.layout, source.generation(), target.layout, generation)
        attach_content(target, generation)

    return run


_build_clone = build_copy("clone")


def clone(ctx: JobContext) -> None:
    """Build the first release of a new environment from its source, where there is one to copy."""
    source_id = ctx.parameters.get("source_environment_id")
    if source_id is None:
        ctx.log("The environment begins empty.")
    elif Bench(ctx, UUID(source_id)).live_release() is None:
        ctx.log("The source serves no release, so there is nothing to copy.")
    else:
        _build_clone(ctx)
        ctx.data["built"] = True


def build_from_backup(ctx: JobContext) -> None:
    """Build a release from the backup, beside what is served; parts that it lacks stay as they are."""
    bench = Bench(ctx)
    begin_release(ctx, bench, "restore", f"backup:{ctx.parameters['backup_id']}")
    unpacked = unpack_backup(ctx, bench, UUID(ctx.parameters["backup_id"]))
    ctx.progress(0.5)
    live = bench.live_release()
    if "code" in unpacked.parts:
        backups.restore_code(bench.tools, unpacked, bench.layout, bench.release_id)
    elif live is not None:
        releases.copy_code(bench.tools, bench.layout.release(live), bench.layout, bench.release_id)
    else:
        raise Refusal("NO_CURRENT_RELEASE", "The backup holds no code, and the environment has none either.")
    generation, old = bench.fresh_generation, bench.generation()
    restored = backups.restore_content(bench.tools, unpacked, bench.layout, generation)
    kept = [part for part in CONTENT_PARTS if part not in restored]
    if kept and live is not None:
        content.copy_parts(bench.tools, bench.layout, old, bench.layout, generation, kept)
    describe_release(ctx, bench)
    attach_content(bench, generation)
    bench.tools.remove(bench.scratch)


def build_update(ctx: JobContext) -> None:
    """Build a release with WordPress, its plugins or its themes updated, on a copy of what is served."""
    bench = Bench(ctx)
    wp.require(bench.tools, "wp", "php")
    live = bench.live_release()
    if live is None:
        raise Refusal("NO_CURRENT_RELEASE", "The environment serves no release any more; deploy one.")
    begin_release(ctx, bench, "update", f"release:{live}")
    tree = bench.layout.release(bench.release_id)
    # Updates write in place: the copy must not share its files with the release that is served.
    code = bench.layout.release(live)
    releases.copy_code(bench.tools, code, bench.layout, bench.release_id, in_place=True)
    generation = bench.fresh_generation
    content.copy_parts(bench.tools, bench.layout, bench.generation(), bench.layout, generation)
    attach_content(bench, generation)
    ctx.result["updates"] = wp.update(bench.tools, tree, ctx.parameters["scope"])
    describe_release(ctx, bench)
