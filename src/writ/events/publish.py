"""Writing an event: in the unit of work of the change, so that there is never one without the other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, cast
from uuid import UUID

import orjson
from sqlalchemy import Table, insert
from sqlalchemy.orm import Session
from writ_contract.events import ALL_EVENTS

from writ.events.checking import Check
from writ.events.envelope import envelope
from writ.events.models import Event
from writ.store.base import new_id, now

_EVENTS = cast(Table, Event.__table__)
_INSERT = insert(_EVENTS)


class _Checking:
    """The check of this process, if it has one."""

    check: Check | None = None


def check_events(check: Check | None) -> None:
    """Hold every event that this process publishes against the contract from now on, or none."""
    _Checking.check = check


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
    `changes` is what `differences` gives; `project_id` is the site that it belongs to, if any.

    Raises KeyError for a type that the contract does not name, WrongEvent where events are checked.
    """
    if event_type not in ALL_EVENTS:
        raise KeyError(event_type)
    values = {
        "id": new_id(),
        "type": event_type,
        "organization_id": organization_id,
        "project_id": project_id,
        "subject": subject,
        "data": _plain(data),
        "changes": None if changes is None else _plain(changes),
        "created_at": now(),
    }
    if _Checking.check is not None:
        _Checking.check(event_type, _plain(envelope(**values)))
    session.flush()
    session.connection().execute(_INSERT, {**values, "subscription_id": subscription_id})
    written: UUID = values["id"]
    return written


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], *, but: Collection[str] = ()
) -> dict[str, dict[str, Any]]:
    """What changed, by the name of the field: what it was before and what it is after."""
    return {
        name: {"before": before.get(name), "after": after.get(name)}
        for name in dict.fromkeys((*before, *after))
        if name not in but and before.get(name) != after.get(name)
    }


def _plain(value: Mapping[str, Any]) -> Any:
    # Ids and times as the API writes them; what the column's own serializer does not know.
    return orjson.loads(orjson.dumps(value, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS))
