"""What people are to know: written in the unit of work of what it is about, read and marked as read."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from sqlalchemy import Table, insert
from sqlalchemy.orm import Session

from writ.events.models import Notification
from writ.store.base import new_id, now

_NOTIFICATIONS = cast(Table, Notification.__table__)
_INSERT = insert(_NOTIFICATIONS)
TITLE, MESSAGE, LINK = 200, 2000, 2048
"""How long each may be; what is longer is cut."""


def notify(
    session: Session,
    *,
    organization_id: UUID,
    kind: str,
    title: str,
    message: str,
    link: str | None = None,
    user_id: UUID | None = None,
    project_id: UUID | None = None,
) -> UUID:
    """Notify a user, or without `user_id` the administrators of the organization; the notification's id.

    `kind` is a word for programs, such as `job.failed`; `link` the path of what it is about; `project_id` the
    site that it belongs to, if any. Nobody sees it before the session's commit.
    """
    notification_id = new_id()
    session.flush()
    session.connection().execute(
        _INSERT,
        {
            "id": notification_id,
            "organization_id": organization_id,
            "user_id": user_id,
            "project_id": project_id,
            "kind": kind,
            "title": title[:TITLE],
            "message": message[:MESSAGE],
            "link": None if link is None else link[:LINK],
            "created_at": now(),
            "read_at": None,
        },
    )
    return notification_id
