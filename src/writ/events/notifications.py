"""What people are to know: written in the unit of work of what it is about, read and marked as read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Table, bindparam, false, insert, or_, select, update
from sqlalchemy.orm import Session
from writ_contract.errors import NOTIFICATION_NOT_FOUND

from writ.contract.errors import Refusal
from writ.events.models import Notification
from writ.gateway.call import Actor
from writ.store.base import new_id, now
from writ.store.paging import Order, read_page

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


ADMINISTRATORS = frozenset({"owner", "admin"})
"""The roles that see the notifications of the organization."""

_SHOWN = select(
    _NOTIFICATIONS.c.id,
    _NOTIFICATIONS.c.kind,
    _NOTIFICATIONS.c.title,
    _NOTIFICATIONS.c.message,
    _NOTIFICATIONS.c.link,
    _NOTIFICATIONS.c.project_id,
    _NOTIFICATIONS.c.user_id.is_(None).label("for_all"),
    _NOTIFICATIONS.c.created_at,
    _NOTIFICATIONS.c.read_at,
)
_KEY = (_NOTIFICATIONS.c.created_at, _NOTIFICATIONS.c.id)
_ORDERS = {"-created_at": Order(_KEY, True), "created_at": Order(_KEY, False)}


def list_notifications(connection: Connection, actor: Actor, query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of what the caller is to know; `query` as the contract's parameters name them.

    Raises:
        Refusal: CURSOR_INVALID.
    """
    projects = sorted(actor.projects) if actor.projects is not None else None
    statement = _list(
        actor.role in ADMINISTRATORS, bool(query["unread"]), None if projects is None else len(projects)
    )
    return read_page(connection, statement, _ORDERS, query, more=_parameters(actor)).as_json()


def mark_read(session: Session, actor: Actor, notification_id: UUID) -> dict[str, Any]:
    """Mark one of the caller's notifications as read; the notification as it is then.

    Raises:
        Refusal: NOTIFICATION_NOT_FOUND.
    """
    mine = (_NOTIFICATIONS.c.id == notification_id, *_visible(actor))
    session.execute(update(_NOTIFICATIONS).where(*mine, _UNREAD).values(read_at=now()), _parameters(actor))
    row = session.execute(_SHOWN.where(*mine), _parameters(actor)).mappings().one_or_none()
    if row is None:
        raise Refusal(NOTIFICATION_NOT_FOUND)
    return dict(row)


def mark_all_read(session: Session, actor: Actor) -> int:
    """Mark all of the caller's notifications as read; how many they were."""
    statement = update(_NOTIFICATIONS).where(*_visible(actor), _UNREAD).values(read_at=now())
    marked = session.execute(statement.returning(_NOTIFICATIONS.c.id), _parameters(actor))
    return len(marked.all())


_UNREAD = _NOTIFICATIONS.c.read_at.is_(None)


def _parameters(actor: Actor) -> dict[str, Any]:
    values: dict[str, Any] = {"organization": actor.organization_id, "user": actor.id}
    return values | {f"project_{at}": project for at, project in enumerate(sorted(actor.projects or ()))}


def _visible(actor: Actor) -> list[ColumnElement[bool]]:
    return _conditions(actor.role in ADMINISTRATORS, None if actor.projects is None else len(actor.projects))


def _conditions(administrator: bool, projects: int | None) -> list[ColumnElement[bool]]:
    """What the caller sees: their own and, as an administrator, those for all; of so many projects."""
    kind = _NOTIFICATIONS.c.id.type
    own: ColumnElement[bool] = _NOTIFICATIONS.c.user_id == bindparam("user", type_=kind)
    if administrator:
        own = or_(own, _NOTIFICATIONS.c.user_id.is_(None))
    conditions = [_NOTIFICATIONS.c.organization_id == bindparam("organization", type_=kind), own]
    if projects is not None:
        wanted = [bindparam(f"project_{at}", type_=kind) for at in range(projects)]
        conditions.append(_NOTIFICATIONS.c.project_id.in_(wanted) if wanted else false())
    return conditions


@lru_cache(maxsize=64)
def _list(administrator: bool, unread: bool, projects: int | None) -> Any:
    statement = _SHOWN.where(*_conditions(administrator, projects))
    return statement.where(_UNREAD) if unread else statement
