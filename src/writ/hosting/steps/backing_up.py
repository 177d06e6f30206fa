"""Making backups, proving them, and unpacking them again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID

from sqlalchemy import select
from writ_contract.events import BACKUP_COMPLETED, BACKUP_DELETED

from writ.contract.errors import Refusal
from writ.hosting.backups import KIND_OF_FILE, add_backup
from writ.hosting.models import Backup
from writ.hosting.node import backups
from writ.hosting.steps.bench import SAFETY_BACKUP, Bench, clear_scratch
from writ.hosting.telling import tell
from writ.jobs.context import JobContext
from writ.jobs.models import QUEUED, RUNNING, Job
from writ.store.base import new_id, now
from writ.store.files import FileStore
from writ.store.work import after_commit


def archive(ctx: JobContext) -> None:
    """Make the archive of the backup that this job is about."""
    make_archive(ctx, Bench(ctx), _backup_id(ctx))


def _backup_id(ctx: JobContext) -> UUID:
    if ctx.backup_id is None:
        raise ValueError("this job has no backup")
    return ctx.backup_id


def make_archive(ctx: JobContext, bench: Bench, backup_id: UUID) -> None:
    """Make a backup's archive on the node, take it into the file store, and write down what it is."""
    files: FileStore = ctx.services.files
    with ctx.services.store.read() as connection:
        scope = connection.scalar(select(Backup.backup_scope).where(Backup.id == backup_id))
    made = backups.create(
        bench.tools,
        bench.layout,
        bench.live_release(),
        str(scope),
        bench.scratch,
        files.incoming(KIND_OF_FILE, backup_id),
    )
    files.keep(KIND_OF_FILE, backup_id)
    with ctx.begin() as session:
        backup = session.get_one(Backup, backup_id)
        backup.size_bytes, backup.sha256 = made.size, made.sha256
    ctx.log(f"Backed up {sum(p['files'] for p in made.parts.values())} files into {made.size} bytes.")


def prove(ctx: JobContext) -> None:
    """Prove the backup by restoring it to scratch; only then is it available."""
    prove_archive(ctx, Bench(ctx), _backup_id(ctx))


def prove_archive(ctx: JobContext, bench: Bench, backup_id: UUID) -> None:
    """Restore an archive to scratch and compare every file; then the backup is available."""
    files: FileStore = ctx.services.files
    with ctx.services.store.read() as connection:
        sha256 = connection.scalar(select(Backup.sha256).where(Backup.id == backup_id))
    backups.verify(bench.tools, files.path(KIND_OF_FILE, backup_id), bench.scratch / "verify", sha256=sha256)
    clear_scratch(ctx, bench)
    with ctx.begin() as session:
        backup = session.get_one(Backup, backup_id)
        news = backup.status != "available"
        backup.status, backup.verified_at = "available", now()
        if news:
            tell(session, BACKUP_COMPLETED, backup_id)
    ctx.log("The backup was restored to scratch and every file compared.")


def drop_archive(ctx: JobContext) -> None:
    """Take the archive out of the file store again, and what making it left on the node."""
    if ctx.backup_id is not None:
        ctx.services.files.drop(KIND_OF_FILE, ctx.backup_id)
    clear_scratch(ctx, Bench(ctx))


def drop_unproved(ctx: JobContext) -> None:
    """Drop the archive of a safety backup that was not finished, and clear scratch; a proved one stays."""
    backup_id = ctx.data.get(SAFETY_BACKUP)
    if backup_id is not None:
        with ctx.services.store.read() as connection:
            status = connection.scalar(select(Backup.status).where(Backup.id == UUID(backup_id)))
        if status != "available":
            ctx.services.files.drop(KIND_OF_FILE, UUID(backup_id))
    clear_scratch(ctx, Bench(ctx))


def back_up_first(reason: str) -> Callable[[JobContext], None]:
    """A step that backs up, whole and proved, what the job is about to replace.

    Before a first release there is nothing to do. The backup stays when the job fails: it is content.
    """

    def run(ctx: JobContext) -> None:
        bench = Bench(ctx)
        if bench.live_release() is None:
            ctx.log("There is no release yet, so there is nothing to back up.")
            return
        if SAFETY_BACKUP not in ctx.data:
            # The id before the row: a row that nobody knew of would be `creating` for ever.
            ctx.keep(**{SAFETY_BACKUP: str(new_id())})
        backup_id = UUID(ctx.data[SAFETY_BACKUP])
        with ctx.begin() as session:
            made = session.get(Backup, backup_id)
            if made is None:
                add_backup(session, bench.environment_id, "full", reason, backup_id)
            elif made.status == "available":
                # Proved by an attempt that was cut off right after: an archive that counts is never replaced.
                return
        make_archive(ctx, bench, backup_id)
        prove_archive(ctx, bench, backup_id)

    return run


def prune_safety_backups(ctx: JobContext, bench: Bench) -> None:
    """Remove the automatic backups beyond the newest that are kept; those that people ordered stay."""
    files: FileStore = ctx.services.files
    waiting = select(Job.backup_id).where(
        Job.environment_id == bench.environment_id,
        Job.status.in_((QUEUED, RUNNING)),
        Job.backup_id.is_not(None),
    )
    automatic = (
        select(Backup)
        .where(
            Backup.environment_id == bench.environment_id,
            Backup.reason != "requested",
            Backup.status.in_(("available", "failed")),
        )
        .order_by(Backup.created_at.desc(), Backup.id.desc())
        .offset(bench.settings.safety_backups_kept)
    )
    with ctx.begin() as session:
        wanted = set(session.scalars(waiting))
        for backup in session.scalars(automatic).all():
            if backup.id in wanted or str(backup.id) == ctx.data.get(SAFETY_BACKUP):
                continue
            # The row first: an archive without a row is lost room, a row without an archive a broken promise.
            after_commit(session, partial(files.drop, KIND_OF_FILE, backup.id))
            tell(session, BACKUP_DELETED, backup.id)
            session.delete(backup)


def unpack_backup(ctx: JobContext, bench: Bench, backup_id: UUID) -> backups.Unpacked:
    """Unpack a backup on the node's scratch and compare every file.

    Raises Refusal BACKUP_NOT_AVAILABLE, BACKUP_CORRUPT.
    """
    files: FileStore = ctx.services.files
    with ctx.services.store.read() as connection:
        row = connection.execute(select(Backup.sha256, Backup.status).where(Backup.id == backup_id)).first()
    if row is None or row.status != "available" or not files.path(KIND_OF_FILE, backup_id).is_file():
        raise Refusal("BACKUP_NOT_AVAILABLE", "The backup is gone or not available any more.")
    place = bench.scratch / "restore"
    return backups.unpack(bench.tools, files.path(KIND_OF_FILE, backup_id), place, sha256=row.sha256)
