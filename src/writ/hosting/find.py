"""Finding rows in the caller's sight, and saying plainly when they are not there or not ready.

What is not in sight is not there: the same refusal, with the same words.
"""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from writ.contract.errors import Refusal
from writ.gateway.sight import Sight
from writ.hosting.models import Backup, Domain, Environment, Release, Site, Upload
from writ.store.base import Base

Row = TypeVar("Row", Site, Environment, Backup, Domain)

_ENVIRONMENT_OF: dict[type[Base], Any] = {Backup: Backup.environment_id, Domain: Domain.environment_id}


def _locked(session: Session, sight: Sight, table: type[Row], row_id: UUID) -> Row:
    seen = select(table).where(table.id == row_id, Site.organization_id == sight.organization_id)
    if table in _ENVIRONMENT_OF:
        seen = seen.join(Environment, Environment.id == _ENVIRONMENT_OF[table])
    if table is not Site:
        seen = seen.join(Site, Site.id == Environment.site_id)
    if sight.projects is not None:
        seen = seen.where(Site.id.in_(sight.projects))
    # Read anew after the wait for the lock, even if the session knows the row from before it.
    row = session.scalar(seen.with_for_update(of=table).execution_options(populate_existing=True))
    if row is None:
        noun = table.__name__
        raise Refusal(f"{noun.upper()}_NOT_FOUND", f"There is no {noun.lower()} {row_id}.")
    return row


def find_site(session: Session, sight: Sight, site_id: UUID) -> Site:
    """The site, locked until the end of the unit of work.

    Raises:
        Refusal: SITE_NOT_FOUND.
    """
    return _locked(session, sight, Site, site_id)


def find_site_ids(session: Session, organization: UUID, site_ids: frozenset[UUID]) -> frozenset[UUID]:
    """Those of the ids that are sites of the organization: the projects that a key can be confined to."""
    found = select(Site.id).where(Site.organization_id == organization, Site.id.in_(site_ids))
    return frozenset(session.scalars(found))


def find_active_site(session: Session, sight: Sight, site_id: UUID) -> Site:
    """The site, if it takes orders.

    Raises:
        Refusal: SITE_NOT_FOUND, SITE_DELETING, SITE_NOT_ACTIVE.
    """
    site = find_site(session, sight, site_id)
    if site.status == "deleting":
        raise Refusal("SITE_DELETING", f"The site {site.slug} is being deleted.")
    if site.status != "active":
        raise Refusal("SITE_NOT_ACTIVE", f"The site {site.slug} is {site.status}; wait for its job.")
    return site


def find_environment(session: Session, sight: Sight, environment_id: UUID) -> Environment:
    """The environment, locked until the end of the unit of work.

    Raises:
        Refusal: ENVIRONMENT_NOT_FOUND.
    """
    return _locked(session, sight, Environment, environment_id)


def find_active_environment(session: Session, sight: Sight, environment_id: UUID) -> Environment:
    """The environment, if it takes orders.

    Raises:
        Refusal: ENVIRONMENT_NOT_FOUND, ENVIRONMENT_DELETING, ENVIRONMENT_NOT_ACTIVE.
    """
    environment = find_environment(session, sight, environment_id)
    if environment.status == "deleting":
        raise Refusal("ENVIRONMENT_DELETING", f"The environment {environment.slug} is being deleted.")
    if environment.status != "active":
        raise Refusal(
            "ENVIRONMENT_NOT_ACTIVE",
            f"The environment {environment.slug} is {environment.status}, not active; wait for its job.",
        )
    return environment


def find_released_environment(session: Session, sight: Sight, environment_id: UUID) -> Environment:
    """The environment, if it takes orders and serves a release.

    Raises:
        Refusal: as `find_active_environment`, and NO_CURRENT_RELEASE.
    """
    environment = find_active_environment(session, sight, environment_id)
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


def find_backup(session: Session, sight: Sight, backup_id: UUID) -> Backup:
    """The backup, locked until the end of the unit of work.

    Raises:
        Refusal: BACKUP_NOT_FOUND.
    """
    return _locked(session, sight, Backup, backup_id)


def find_domain(session: Session, sight: Sight, domain_id: UUID) -> Domain:
    """The domain, locked until the end of the unit of work.

    Raises:
        Refusal: DOMAIN_NOT_FOUND.
    """
    return _locked(session, sight, Domain, domain_id)


def require_upload(session: Session, sight: Sight, upload_id: UUID, field: str) -> None:
    """Refuse an upload that is not there. A key that is confined to projects sees what it sent itself.

    Raises:
        Refusal: UPLOAD_UNKNOWN, naming the field of the request.
    """
    upload = session.get(Upload, upload_id)
    seen = upload is not None and upload.organization_id == sight.organization_id
    if upload is None or not seen or (sight.projects is not None and upload.key_id != sight.key_id):
        raise Refusal("UPLOAD_UNKNOWN", f"There is no upload {upload_id}.", field=field)


def require_failed(noun: str, status: str) -> None:
    """Refuse to make something again that is there or is being made: undoing that could take it away.

    Raises:
        Refusal: JOB_NOT_RETRYABLE.
    """
    if status != "failed":
        raise Refusal(
            "JOB_NOT_RETRYABLE", f"The {noun} is {status}; only one whose making failed is made again."
        )
