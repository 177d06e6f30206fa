"""The workbench of a step: the environment's node, tools with the step's limits, and places to work."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path, PurePosixPath
from uuid import UUID

import orjson
from sqlalchemy import select

from writ.contract.errors import Refusal
from writ.hosting.models import Domain, Environment, Node, Release, Site
from writ.hosting.node import cache, content, releases, webserver
from writ.hosting.node.base import Tools
from writ.hosting.node.layout import Layout
from writ.hosting.node.manifest import Manifest
from writ.hosting.nodes import reach_node
from writ.jobs.context import JobContext
from writ.settings import Settings

SAFETY_BACKUP = "safety_backup_id"


class Bench:
    """What a step needs to work on one environment; each step makes its own, for its own stop signal.

    Raises Refusal ENVIRONMENT_NOT_FOUND when the environment is gone.
    """

    def __init__(self, ctx: JobContext, environment_id: UUID | None = None) -> None:
        self.ctx = ctx
        self.settings: Settings = ctx.services.settings
        wanted = environment_id or ctx.environment_id
        if wanted is None:
            raise ValueError("this job has no environment")
        with ctx.services.store.read() as connection:
            row = connection.execute(
                select(
                    Environment.id,
                    Environment.hostname,
                    Environment.status,
                    Environment.current_release_id,
                    Site.repository_url,
                    Node.id.label("node_id"),
                )
                .join(Node, Node.id == Environment.node_id)
                .join(Site, Site.id == Environment.site_id)
                .where(Environment.id == wanted)
            ).first()
            if row is None:
                raise Refusal("ENVIRONMENT_NOT_FOUND", f"There is no environment {wanted} any more.")
            driver = connection.execute(select(Node.driver).where(Node.id == row.node_id)).scalar_one()
        self.environment_id: UUID = row.id
        self.hostname: str = row.hostname
        self.repository_url: str | None = row.repository_url
        self.current_release_id: UUID | None = row.current_release_id
        node = reach_node(Node(driver=driver), self.settings)
        self.tools = Tools(
            node,
            timeout=self.settings.step_timeout_seconds,
            stop=ctx.signal,
            log=ctx.log,
        )
        self.layout = Layout(node.root, str(row.id))

    @property
    def release_id(self) -> str:
        """The id of the release that this job makes: the job's own, so that a repeated step finds it."""
        return str(self.ctx.job_id)

    @property
    def fresh_generation(self) -> str:
        """The name of the content generation that this job makes."""
        return f"g-{self.ctx.job_id}"

    @property
    def scratch(self) -> PurePosixPath:
        """Where this attempt works on the node."""
        return self.layout.scratch(str(self.ctx.job_id), self.ctx.attempt)

    def live_release(self) -> str | None:
        """The release that the node serves now."""
        return releases.current(self.tools, self.layout)

    def generation(self) -> str:
        """The content generation that is served now, or the name for the first one."""
        live = self.live_release()
        found = content.generation_of(self.tools, self.layout, live) if live is not None else None
        return found or self.fresh_generation

    def hostnames(self) -> list[str]:
        """Every hostname that the environment answers to: its own, then its active domains."""
        with self.ctx.services.store.read() as connection:
            domains = connection.scalars(
                select(Domain.hostname)
                .where(Domain.environment_id == self.environment_id, Domain.status == "active")
                .order_by(Domain.hostname)
            ).all()
        return [self.hostname, *domains]

    def render_server_block(self, hostnames: list[str] | None = None) -> None:
        """Write the nginx server block anew, from the hostnames and the cache flags."""
        flags = cache.read_cache(self.tools, self.layout)
        text = webserver.render(self.layout, hostnames or self.hostnames(), flags)
        webserver.install(self.tools, self.layout, text)

    def manifest_of(self, release_id: UUID) -> Manifest:
        """The manifest that a release had when it was made.

        Raises:
            Refusal: RELEASE_INVALID when it has none.
        """
        with self.ctx.services.store.read() as connection:
            packed = connection.scalar(select(Release.manifest).where(Release.id == release_id))
        if packed is None:
            raise Refusal("RELEASE_INVALID", "The release has no manifest. Deploy again.")
        return unpack_manifest(packed)


def pack_manifest(manifest: Manifest) -> bytes:
    """A manifest as it is stored: JSON, deflated."""
    return zlib.compress(orjson.dumps(manifest.as_json()), 6)


def unpack_manifest(packed: bytes) -> Manifest:
    """What `pack_manifest` packed."""
    return Manifest.from_json(orjson.loads(zlib.decompress(packed)))


def local_scratch(ctx: JobContext) -> Path:
    """Where this attempt works on the control plane's own disk; the folder exists afterwards."""
    folder = _scratch_root(ctx) / f"{ctx.job_id}-{ctx.attempt}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _scratch_root(ctx: JobContext) -> Path:
    settings: Settings = ctx.services.settings
    return settings.home_path / "scratch"


def clear_scratch(ctx: JobContext, *benches: Bench) -> None:
    """Remove what every attempt of this job left in its scratch folders."""
    for folder in _scratch_root(ctx).glob(f"{ctx.job_id}-*"):
        shutil.rmtree(folder, ignore_errors=True)
    for bench in benches:
        attempts = range(1, ctx.attempt + 1)
        bench.tools.remove(*(bench.layout.scratch(str(ctx.job_id), attempt) for attempt in attempts))
