"""The projects that a key can be confined to: the sites of its organization.

Keys belong to the floor below the systems, so whoever knows the projects says so here, once, at start.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from sqlalchemy.orm import Session

Known = Callable[[Session, UUID, frozenset[UUID]], frozenset[UUID]]
"""Of an organization's id and the ids of projects: those projects that the organization has."""


def _none(session: Session, organization: UUID, projects: frozenset[UUID]) -> frozenset[UUID]:
    return frozenset()


_known: Known = _none


def use(checker: Known | None) -> None:
    """Ask this from now on; None means that there are no projects."""
    global _known
    _known = checker or _none


def unknown_projects(session: Session, organization: UUID, projects: frozenset[UUID]) -> frozenset[UUID]:
    """Those of the projects that the organization does not have."""
    return projects - _known(session, organization, projects)
