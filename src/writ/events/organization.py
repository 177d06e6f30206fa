"""Whose event it is: the organization of what an event is about."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Uuid, column, select, table
from sqlalchemy.orm import Session

from writ.store.base import DEFAULT_ORGANIZATION_ID

# Sites are tables of a floor above.
_SITES = table("sites", column("id", Uuid), column("organization_id", Uuid))


def organization_of_site(session: Session, site_id: UUID | None) -> UUID:
    """The organization that a site belongs to; the default one for what belongs to no site."""
    if site_id is None:
        return DEFAULT_ORGANIZATION_ID
    found = session.scalar(select(_SITES.c.organization_id).where(_SITES.c.id == site_id))
    return DEFAULT_ORGANIZATION_ID if found is None else found
