"""The rules of uploads."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from writ.gateway.call import Spooled
from writ.hosting.models import Upload
from writ.store.base import new_id
from writ.store.files import FileStore

KIND_OF_FILE = "uploads"


def keep_upload(session: Session, files: FileStore, body: Spooled, created_by: UUID | None) -> dict[str, Any]:
    """Keep an archive that was streamed to the disk; its row and the answer of the contract."""
    upload = Upload(
        id=new_id(),
        media_type=body.media_type,
        sha256=body.sha256,
        size=body.size,
        created_by=created_by,
    )
    body.path.replace(files.path(KIND_OF_FILE, upload.id))
    session.add(upload)
    session.flush()
    return {"upload_id": upload.id, "sha256": upload.sha256, "size": upload.size}
