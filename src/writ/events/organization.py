"""Whose event it is: the organization of what an event is about."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

DEFAULT_ORGANIZATION_ID = UUID(int=1)


def organization_of_site(session: Session, site_id: UUID | None) -> UUID:
    """The organization that a site belongs to; the default one for what belongs to no site.

    Sites have no organization of their own yet, so all of them belong to the default one.
    """
    del session, site_id
    return DEFAULT_ORGANIZATION_ID
