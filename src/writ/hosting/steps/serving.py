"""Making a release the live one, checking that it is, and going back."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from writ.contract.errors import Refusal
from writ.hosting.models import Environment, Release
from writ.hosting.node import content, hosts, releases
from writ.hosting.steps.backing_up import prune_safety_backups
from writ.hosting.steps.bench import SAFETY_BACKUP, Bench, clear_scratch
from writ.jobs.context import JobContext
from writ.store.base import now

HEALTH_SECONDS = 10.0


def wanted_release(ctx: JobContext, bench: Bench) -> str:
    """The release that this job makes live: an earlier one for a rollback, else its own."""
    return str(ctx.parameters.get("release_id") or bench.release_id)


def activate(ctx: JobContext) -> None:
    """Swap the release in by one rename."""
    bench = Bench(ctx)
    release = wanted_release(ctx, bench)
    before = bench.live_release()
    if before != release:
        # Kept before the swap: who undoes this must know what was served, even if this process dies.
        ctx.keep(before=before)
    releases.activate(bench.tools, bench.layout, release)
    hosts.publish(bench.tools, bench.hostname, str(bench.environment_id))
    bench.render_server_block()
    ctx.log(f"Serving release {release}.")


def deactivate(ctx: JobContext) -> None:
    """Swap back to what was served before."""
    bench = Bench(ctx)
    release = wanted_release(ctx, bench)
    if "before" not in ctx.data or bench.live_release() != release:
        return
    before = ctx.data["before"]
    if before is not None:
        # An earlier release that was gone back to is no worse than before; only one of the job's own is bad.
        bad = release if release == bench.release_id else None
        releases.rollback(bench.tools, bench.layout, before, bad=bad, reason="rolled back by its job")
        ctx.log(f"Serving release {before} again.", "warning")
    else:
        hosts.withdraw(bench.tools, bench.hostname)
        releases.deactivate(bench.tools, bench.layout)


def verify(ctx: JobContext) -> None:
    """Check that what is served is the release, whole and well."""
    bench = Bench(ctx)
    release = wanted_release(ctx, bench)
    health = health_check(bench, ctx.parameters.get("health_path"))
    manifest = bench.manifest_of(UUID(release))
    releases.check_after(bench.tools, bench.layout, release, manifest, health)
    _tell(ctx, release)


def _tell(ctx: JobContext, release: str) -> None:
    """What came of the job, for whoever ordered it."""
    ctx.result["release_id"] = release
    if SAFETY_BACKUP in ctx.data:
        ctx.result[SAFETY_BACKUP] = ctx.data[SAFETY_BACKUP]


def activate_built(ctx: JobContext) -> None:
    """Swap the release in, if an earlier step has built one."""
    if ctx.data.get("built"):
        activate(ctx)


def verify_built(ctx: JobContext) -> None:
    """Check what is served, if an earlier step has built a release."""
    if ctx.data.get("built"):
        verify(ctx)


def health_check(bench: Bench, path: str | None) -> Callable[[], None] | None:
    """A check that asks the node's web server for the path and wants 200; None without a path.

    The embedded node is asked on this machine's loopback address, under the environment's own hostname.
    """
    if path is None:
        return None
    port = bench.settings.sites_port
    if not port:
        raise Refusal(
            "HEALTH_CHECK_FAILED",
            "There is no web server to ask: set WRIT_SITES_PORT, or leave health_path out.",
        )

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HEALTH_SECONDS)
        try:
            connection.request("GET", path, headers={"Host": bench.hostname, "User-Agent": "writ-health"})
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise Refusal("HEALTH_CHECK_FAILED", f"{path} did not answer: {error}.") from error
        finally:
            connection.close()
        if status != 200:
            raise Refusal("HEALTH_CHECK_FAILED", f"{path} answered {status} instead of 200.")

    return ask


def tidy(ctx: JobContext) -> None:
    """Prune old releases and content, and clear scratch. What cannot be tidied now is tidied next time."""
    bench = Bench(ctx)
    # Told again: this may be another attempt than the one that verified.
    _tell(ctx, wanted_release(ctx, bench))
    try:
        gone = releases.prune(bench.tools, bench.layout, bench.settings.releases_kept)
        content.prune(bench.tools, bench.layout)
        prune_safety_backups(ctx, bench)
        clear_scratch(ctx, bench)
        there = bench.tools.list(bench.layout.releases)
    except Refusal as refusal:
        ctx.check()
        ctx.log(f"Not everything old could be removed: {refusal.message}", "warning")
        return
    if gone:
        ctx.log(f"Removed {len(gone)} old releases.")
    with ctx.begin() as session:
        # By what is there and not by what went: an attempt that was cut off may have removed some.
        on_disk = select(Release.id).where(Release.environment_id == bench.environment_id, Release.on_disk)
        missing = [i for i in session.scalars(on_disk) if str(i) not in there]
        session.execute(update(Release).where(Release.id.in_(missing)).values(on_disk=False))


def clear(ctx: JobContext) -> None:
    """Clear scratch after a failure; what cannot be removed now is removed by the next job's tidying."""
    clear_scratch(ctx, Bench(ctx))


def make_current(session: Session, environment_id: UUID, release_id: UUID) -> None:
    """Write down that the release is good and served."""
    release = session.get_one(Release, release_id)
    release.status = "good"
    release.activated_at = now()
    environment = session.get_one(Environment, environment_id)
    environment.current_release_id = release_id
    environment.drift_status = "unknown"
    environment.drift_checked_at = None
