"""Building a release from a source: fetch, unpack, check."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from writ.contract.errors import Refusal
from writ.hosting import uploads
from writ.hosting.models import Release
from writ.hosting.node import backups, content, releases
from writ.hosting.node.layout import CONTENT_PARTS
from writ.hosting.node.manifest import Manifest
from writ.hosting.origins import parse_archive_url, parse_git
from writ.hosting.sources import archives
from writ.hosting.sources.git import GitFetcher
from writ.hosting.steps.bench import Bench, local_scratch, pack_manifest
from writ.jobs.context import JobContext
from writ.outgoing.client import download
from writ.outgoing.guard import parse_url
from writ.settings import Settings


def begin_release(ctx: JobContext, bench: Bench, source_type: str, source_ref: str | None) -> None:
    """Write the row of the release that this job makes, if a first attempt has not."""
    with ctx.begin() as session:
        if session.get(Release, UUID(bench.release_id)) is None:
            session.add(
                Release(
                    id=UUID(bench.release_id),
                    environment_id=bench.environment_id,
                    source_type=source_type,
                    source_ref=source_ref,
                )
            )


def fetch(ctx: JobContext) -> None:
    """Fetch the order's source and turn it into a clean tar on the control plane's disk."""
    bench = Bench(ctx)
    source_type, source_ref = ctx.parameters["source_type"], ctx.parameters["source_ref"]
    begin_release(ctx, bench, source_type, source_ref)
    folder = local_scratch(ctx)
    if source_type == "git":
        raw, commit = _fetch_git(ctx, bench, folder)
        ctx.data["commit"] = commit
    else:
        raw = _uploaded(ctx, UUID(source_ref), "SOURCE_UNAVAILABLE")
    _sanitise(ctx, raw, folder)


def fetch_archive(ctx: JobContext) -> None:
    """Fetch the archive of an import and turn it into a clean tar on the control plane's disk."""
    bench = Bench(ctx)
    settings = bench.settings
    url = ctx.parameters["archive_url"]
    upload_id = parse_archive_url(url, settings)
    # What is shown holds no password and no query, which may be a key to the archive.
    shown = url if upload_id is not None else parse_url(url, settings.trusted_networks).shown
    begin_release(ctx, bench, "import", shown)
    folder = local_scratch(ctx)
    if upload_id is not None:
        raw = _uploaded(ctx, upload_id, "DOWNLOAD_FAILED")
    else:
        raw = folder / "download"
        download(
            url,
            raw,
            max_bytes=settings.upload_max_bytes,
            timeout=settings.step_timeout_seconds,
            stop=ctx.signal,
            trusted=settings.trusted_networks,
            progress=lambda received, total: ctx.progress(received / total if total else 0.0),
        )
    _sanitise(ctx, raw, folder)


def _uploaded(ctx: JobContext, upload_id: UUID, code: str) -> Path:
    path: Path = ctx.services.files.path(uploads.KIND_OF_FILE, upload_id)
    if not path.is_file():
        raise Refusal(code, f"The upload {upload_id} is not in the file store; send it again.")
    return path


def _fetch_git(ctx: JobContext, bench: Bench, folder: Path) -> tuple[Path, str]:
    settings = bench.settings
    source = parse_git(ctx.parameters["source_ref"], bench.repository_url, settings)
    ssh = settings.home_path / "ssh"
    ssh.mkdir(mode=0o700, exist_ok=True)
    key = ssh / "id_ed25519"
    fetcher = GitFetcher(
        known_hosts=ssh / "known_hosts",
        trusted_networks=settings.trusted_networks,
        trusted_paths=settings.trusted_paths,
        ssh_key=key if key.is_file() else None,
        timeout=settings.step_timeout_seconds,
        stop=ctx.signal,
        progress=ctx.log,
    )
    fetched = fetcher.fetch(source, folder / "git")
    ctx.log(f"Fetched commit {fetched.commit}.")
    return fetched.tar, fetched.commit


def _sanitise(ctx: JobContext, raw: Path, folder: Path) -> None:
    settings: Settings = ctx.services.settings
    tar = folder / "clean.tar"
    limits = archives.Limits(max_files=settings.archive_max_files, max_bytes=settings.archive_max_bytes)
    found = archives.sanitise(raw, tar, limits, stop=ctx.signal)
    ctx.log(f"The source holds {found.files} files, {found.bytes} bytes.")
    ctx.data.update(tar=str(tar), sha256=found.sha256)


def fetched_tar(ctx: JobContext) -> Path:
    """The clean tar; fetched again when another machine has taken the job over."""
    tar = Path(ctx.data.get("tar", ""))
    if not tar.is_file():
        (fetch_archive if "archive_url" in ctx.parameters else fetch)(ctx)
        tar = Path(ctx.data["tar"])
    return tar


def unpack(ctx: JobContext) -> None:
    """Unpack the tar on the node as a new release that uses the content served now."""
    bench = Bench(ctx)
    releases.unpack(bench.tools, bench.layout, bench.release_id, fetched_tar(ctx), bench.scratch)
    describe_release(ctx, bench)
    attach_content(bench, bench.generation())


def unpack_import(ctx: JobContext) -> None:
    """Unpack the tar as a new release with content of its own: the archive's, else what is served."""
    bench = Bench(ctx)
    releases.unpack(bench.tools, bench.layout, bench.release_id, fetched_tar(ctx), bench.scratch)
    tree = bench.layout.release(bench.release_id)
    if backups.is_backup(bench.tools, tree):
        try:
            backups.lay_out(bench.tools, tree, bench.scratch)
        except Refusal as refusal:
            if refusal.code != "BACKUP_CORRUPT":
                raise
            raise Refusal("ARCHIVE_INVALID", refusal.message) from None
        ctx.log("The archive is a backup: its code and content are put in their places.")
    describe_release(ctx, bench)
    brought = [part for part in CONTENT_PARTS if bench.tools.test("-e", tree / "wp-content" / part)]
    kept = [part for part in CONTENT_PARTS if part not in brought]
    generation, old = bench.fresh_generation, bench.generation()
    # A generation that an attempt before this one has begun would refuse what the archive brings.
    bench.tools.remove(bench.layout.shared / generation)
    if kept and bench.live_release() is not None:
        content.copy_parts(bench.tools, bench.layout, old, bench.layout, generation, kept)
    attach_content(bench, generation)


def attach_content(bench: Bench, generation: str) -> None:
    """Make the new release use a generation of content, which is made if it is not there."""
    content.create_empty(bench.tools, bench.layout, generation)
    releases.link_shared(bench.tools, bench.layout, bench.release_id, generation)


def describe_release(ctx: JobContext, bench: Bench) -> Manifest:
    """Read the new release's manifest and keep it with the release's row."""
    manifest = releases.describe(bench.tools, bench.layout, bench.release_id)
    with ctx.begin() as session:
        release = session.get_one(Release, UUID(bench.release_id))
        release.manifest = pack_manifest(manifest)
        release.file_count = len(manifest.files)
        release.size_bytes = manifest.size
        release.commit = ctx.data.get("commit")
        release.sha256 = ctx.data.get("sha256")
    return manifest


def discard(ctx: JobContext) -> None:
    """Take the new release off the node again; the content that it was made with goes when nobody uses it."""
    bench = Bench(ctx)
    if bench.live_release() != bench.release_id:
        releases.discard(bench.tools, bench.layout, bench.release_id)
        content.prune(bench.tools, bench.layout)


def check(ctx: JobContext) -> None:
    """Check the new release before anybody sees it."""
    bench = Bench(ctx)
    previous = bench.manifest_of(bench.current_release_id) if bench.current_release_id is not None else None
    manifest = bench.manifest_of(UUID(bench.release_id))
    releases.check_release(bench.tools, bench.layout, bench.release_id, manifest, previous)
