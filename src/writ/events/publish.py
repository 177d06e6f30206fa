"""Writing an event: in the unit of work of the change, so that there is never one without the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

import orjson
from sqlalchemy import Table, insert
from sqlalchemy.orm import Session
from writ_contract.events import ALL_EVENTS

from writ.events.models import Event
from writ.store.base import new_id, now

_EVENTS = cast(Table, Event.__table__)
_INSERT = insert(_EVENTS)


def publish(
    session: Session,
    event_type: str,
    *,
    organization_id: UUID,
    subject: str,
    data: Mapping[str, Any],
    changes: Mapping[str, Any] | None = None,
    project_id: UUID | None = None,
    subscription_id: UUID | None = None,
) -> UUID:
    """Write an event and return its id; nobody hears of it before the session's commit.

    `subject` names what it is about, such as `environment:<id>`; `data` is the resource as its GET shows it;
    `project_id` is the site that it belongs to, if any.

    Raises KeyError for a type that the contract does not name.
    """
    if event_type not in ALL_EVENTS:
        raise KeyError(event_type)
    event_id = new_id()
    session.flush()
    session.connection().execute(
        _INSERT,
        {
            "id": event_id,
            "type": event_type,
            "organization_id": organization_id,
            "project_id": project_id,
            "subject": subject,
            "data": _plain(data),
            "changes": None if changes is None else _plain(changes),
            "subscription_id": subscription_id,
            "created_at": now(),
        },
    )
    return event_id


def _plain(value: Mapping[str, Any]) -> Any:
    # Ids and times as the API writes them; what the column's own serializer does not know.
    return orjson.loads(orjson.dumps(value, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS))
