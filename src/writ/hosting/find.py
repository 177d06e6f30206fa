"""Finding rows, and saying plainly when they are not there or not ready."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from writ.contract.errors import Refusal
from writ.hosting.models import Backup, Domain, Environment, Release, Site

Row = TypeVar("Row", Site, Environment, Backup, Domain)


def _locked(session: Session, table: type[Row], row_id: UUID) -> Row:
    # Read anew after the wait for the lock, even if the session knows the row from before it.
    statement = select(table).where(table.id == row_id).with_for_update()
    row = session.scalar(statement.execution_options(populate_existing=True))
    if row is None:
        noun = table.__name__
        raise Refusal(f"{noun.upper()}_NOT_FOUND", f"There is no {noun.lower()} {row_id}.")
    return row


def find_site(session: Session, site_id: UUID) -> Site:
    """The site, locked until the end of the unit of work.

    Raises:
        Refusal: SITE_NOT_FOUND.
    """
    return _locked(session, Site, site_id)


def find_site_ids(session: Session, organization: UUID, site_ids: frozenset[UUID]) -> frozenset[UUID]:
    """Those of the ids that are sites of the organization: the projects that a key can be confined to."""
    # All sites are the default organization's, to which everybody belongs.
    return frozenset(session.scalars(select(Site.id).where(Site.id.in_(site_ids))))


def find_active_site(session: Session, site_id: UUID) -> Site:
    """The site, if it takes orders.

    Raises:
        Refusal: SITE_NOT_FOUND, SITE_DELETING, SITE_NOT_ACTIVE.
    """
    site = find_site(session, site_id)
    if site.status == "deleting":
        raise Refusal("SITE_DELETING", f"The site {site.slug} is being deleted.")
    if site.status != "active":
        raise Refusal("SITE_NOT_ACTIVE", f"The site {site.slug} is {site.status}; wait for its job.")
    return site


def find_environment(session: Session, environment_id: UUID) -> Environment:
    """The environment, locked until the end of the unit of work.

    Raises:
        Refusal: ENVIRONMENT_NOT_FOUND.
    """
    return _locked(session, Environment, environment_id)


def find_active_environment(session: Session, environment_id: UUID) -> Environment:
    """The environment, if it takes orders.

    Raises:
        Refusal: ENVIRONMENT_NOT_FOUND, ENVIRONMENT_DELETING, ENVIRONMENT_NOT_ACTIVE.
    """
    environment = find_environment(session, environment_id)
    if environment.status == "deleting":
        raise Refusal("ENVIRONMENT_DELETING", f"The environment {environment.slug} is being deleted.")
    if environment.status != "active":
        raise Refusal(
            "ENVIRONMENT_NOT_ACTIVE",
            f"The environment {environment.slug} is {environment.status}, not active; wait for its job.",
        )
    return environment


def find_released_environment(session: Session, environment_id: UUID) -> Environment:
    """The environment, if it takes orders and serves a release.

    Raises:
        Refusal: as `find_active_environment`, and NO_CURRENT_RELEASE.
    """
    environment = find_active_environment(session, environment_id)
    if environment.current_release_id is None:
        raise Refusal("NO_CURRENT_RELEASE", f"The environment {environment.slug} has no release; deploy one.")
    return environment


def find_release(session: Session, environment_id: UUID, release_id: UUID) -> Release:
    """The release of this environment.

    Raises:
        Refusal: RELEASE_NOT_FOUND.
    """
    release = session.get(Release, release_id)
    if release is None or release.environment_id != environment_id:
        raise Refusal("RELEASE_NOT_FOUND", f"The environment has no release {release_id}.")
    return release


def find_backup(session: Session, backup_id: UUID) -> Backup:
    """The backup, locked until the end of the unit of work.

    Raises:
        Refusal: BACKUP_NOT_FOUND.
    """
    return _locked(session, Backup, backup_id)


def find_domain(session: Session, domain_id: UUID) -> Domain:
    """The domain, locked until the end of the unit of work.

    Raises:
        Refusal: DOMAIN_NOT_FOUND.
    """
    return _locked(session, Domain, domain_id)


def require_failed(noun: str, status: str) -> None:
    """Refuse to make something again that is there or is being made: undoing that could take it away.

    Raises:
        Refusal: JOB_NOT_RETRYABLE.
    """
    if status != "failed":
        raise Refusal(
            "JOB_NOT_RETRYABLE", f"The {noun} is {status}; only one whose making failed is made again."
        )
