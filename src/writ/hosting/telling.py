"""What others hear of sites, environments, backups and domains: events, in the unit of work of the change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from writ.events.organization import organization_of_site
from writ.events.publish import differences, publish
from writ.hosting.models import Environment
from writ.hosting.reading import show
from writ.settings import get_settings

Shown = dict[str, Any]


def look(session: Session, noun: str, row_id: UUID | None) -> Shown | None:
    """What would be told of a row now, to compare it with later; None when there is no such row."""
    return None if row_id is None else show(session, noun, row_id, get_settings())


def tell(
    session: Session, event_type: str, row_id: UUID | None, before: Mapping[str, Any] | None = None
) -> None:
    """Publish an event about the row that its type begins with the noun of; of a row that is gone, nothing.

    What differs from `before`, other than updated_at, becomes the event's changes.
    """
    noun = event_type.partition(".")[0]
    data = look(session, noun, row_id)
    if data is None:
        return
    site_id = _site_of(session, noun, data)
    publish(
        session,
        event_type,
        organization_id=organization_of_site(session, site_id),
        project_id=site_id,
        subject=f"{noun}:{row_id}",
        data=data,
        changes=None if before is None else differences(before, data, but=("updated_at",)),
    )


def _site_of(session: Session, noun: str, data: Shown) -> UUID:
    if noun == "site":
        found: UUID = data["id"]
    elif noun == "environment":
        found = data["site_id"]
    else:
        wanted = select(Environment.site_id).where(Environment.id == data["environment_id"])
        found = session.execute(wanted).scalar_one()
    return found
