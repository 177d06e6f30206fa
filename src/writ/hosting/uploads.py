"""The rules of uploads."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session
from writ_contract.events import UPLOAD_CREATED

from writ.events.publish import publish
from writ.gateway.call import Spooled
from writ.gateway.sight import Sight
from writ.hosting.models import Upload
from writ.jobs.models import QUEUED, RUNNING, Job
from writ.settings import Settings
from writ.store.base import new_id, now
from writ.store.files import FileStore
from writ.store.work import after_commit

KIND_OF_FILE = "uploads"
FORGOTTEN_AT_ONCE = 20


def keep_upload(
    session: Session,
    sight: Sight,
    files: FileStore,
    settings: Settings,
    body: Spooled,
    created_by: UUID | None,
) -> dict[str, Any]:
    """Keep an archive that was streamed to the disk; its row, its event, and the answer of the contract."""
    upload = Upload(
        id=new_id(),
        organization_id=sight.organization_id,
        media_type=body.media_type,
        sha256=body.sha256,
        size=body.size,
        created_by=created_by,
        key_id=sight.key_id,
    )
    body.path.replace(files.path(KIND_OF_FILE, upload.id))
    session.add(upload)
    session.flush()
    forget_old_uploads(session, files, settings)
    kept = {"upload_id": upload.id, "sha256": upload.sha256, "size": upload.size}
    publish(
        session,
        UPLOAD_CREATED,
        organization_id=sight.organization_id,
        subject=f"upload:{upload.id}",
        data=kept,
    )
    return kept


def forget_old_uploads(session: Session, files: FileStore, settings: Settings) -> None:
    """Delete uploads whose time is over and that no unfinished job needs, a few at a time."""
    over = now() - timedelta(hours=settings.upload_hours)
    old = session.scalars(
        select(Upload).where(Upload.created_at < over).order_by(Upload.created_at).limit(FORGOTTEN_AT_ONCE)
    ).all()
    if not old:
        return
    unfinished = session.scalars(select(Job.parameters).where(Job.status.in_((QUEUED, RUNNING)))).all()
    needed = " ".join(str(parameters) for parameters in unfinished)
    for upload in old:
        if str(upload.id) not in needed:
            after_commit(session, partial(files.drop, KIND_OF_FILE, upload.id))
            session.delete(upload)
