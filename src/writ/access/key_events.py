"""What others hear of keys: events, in the unit of work of the change. No event holds the key itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session
from writ_contract.events import API_KEY_CREATED, API_KEY_DELETED

from writ.access.key_reading import read_key_row
from writ.access.models import ApiKey
from writ.events.publish import differences, publish
from writ.gateway.call import Actor
from writ.gateway.callers import organization_of


def tell_new_key(session: Session, actor: Actor, key_id: UUID) -> None:
    """Publish that a key was made."""
    session.flush()
    _publish(session, API_KEY_CREATED, actor, read_key_row(session, actor, key_id))


def tell_end_of_key(session: Session, actor: Actor, key_id: UUID) -> None:
    """Publish that a key is removed, while it is still there.

    Raises:
        Refusal: API_KEY_NOT_FOUND.
    """
    _publish(session, API_KEY_DELETED, actor, read_key_row(session, actor, key_id))


@contextmanager
def tells_change(session: Session, event_type: str, actor: Actor, key_id: UUID) -> Iterator[None]:
    """Publish what the block changes of a key; nothing when it changes nothing.

    Raises:
        Refusal: API_KEY_NOT_FOUND.
    """
    # Locked first: between the look and the change nobody else may change it.
    session.execute(select(ApiKey.id).where(ApiKey.id == key_id).with_for_update())
    before = read_key_row(session, actor, key_id)
    yield
    session.flush()
    after = read_key_row(session, actor, key_id)
    changes = differences(before, after, but=("last_used_at",))
    if changes:
        _publish(session, event_type, actor, after, changes)


def _publish(
    session: Session,
    event_type: str,
    actor: Actor,
    data: Mapping[str, Any],
    changes: Mapping[str, Any] | None = None,
) -> None:
    publish(
        session,
        event_type,
        organization_id=organization_of(actor),
        subject=f"api_key:{data['id']}",
        data=data,
        changes=changes,
    )
