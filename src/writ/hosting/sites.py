"""The rules of sites."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from writ.contract.errors import Refusal
from writ.hosting.environments import add_environment
from writ.hosting.find import (
    find_active_environment,
    find_active_site,
    find_site,
    require_failed,
    require_upload,
)
from writ.hosting.models import Environment, Site
from writ.hosting.orders import Orders
from writ.hosting.origins import check_repository, parse_archive_url, refuse_at


def create_site(orders: Orders, body: dict[str, Any]) -> UUID:
    """Order a site and return the job's id.

    Raises:
        Refusal: SITE_SLUG_TAKEN, SOURCE_REF_INVALID, SOURCE_NOT_ALLOWED; FORBIDDEN for a key that is
            confined to projects, which would not see it.
    """
    orders.sight.require_all("make sites")
    session = orders.session
    repository_url = body.get("repository_url")
    if repository_url is not None:
        refuse_at("/body/repository_url", check_repository, repository_url, orders.settings)
    if session.scalar(select(Site.id).where(Site.slug == body["slug"])) is not None:
        raise _slug_taken(body["slug"])
    site = Site(
        organization_id=orders.sight.organization_id,
        name=body["name"],
        slug=body["slug"],
        repository_url=repository_url,
    )
    session.add(site)
    try:
        session.flush()
    except IntegrityError:
        # Another order with this slug was committed since the look above.
        raise _slug_taken(body["slug"]) from None
    return orders.place("site.create", sites=[site.id], site_id=site.id)


def _slug_taken(slug: str) -> Refusal:
    return Refusal(
        "SITE_SLUG_TAKEN", f"There is a site with the slug {slug}; choose another.", field="/body/slug"
    )


def create_site_again(orders: Orders, site_id: UUID) -> UUID:
    """Order the creation of a site that failed once more.

    Raises:
        Refusal: SITE_NOT_FOUND, SITE_DELETING, JOB_NOT_RETRYABLE.
    """
    site = find_site(orders.session, orders.sight, site_id)
    if site.status == "deleting":
        raise Refusal("SITE_DELETING")
    require_failed("site", site.status)
    site.status = "creating"
    return orders.place("site.create", sites=[site.id], site_id=site.id)


def delete_site(orders: Orders, site_id: UUID) -> UUID:
    """Order the end of a site with all of its environments.

    Raises:
        Refusal: SITE_NOT_FOUND, SITE_DELETING.
    """
    session = orders.session
    site = find_site(session, orders.sight, site_id)
    if site.status == "deleting":
        raise Refusal("SITE_DELETING", f"The site {site.slug} is being deleted already.")
    environments = session.scalars(
        select(Environment).where(Environment.site_id == site_id).order_by(Environment.id).with_for_update()
    ).all()
    # What they were: a deletion that is cancelled before it began gives it back to them.
    was = {"was": site.status, "environments_were": {str(e.id): e.status for e in environments}}
    site.status = "deleting"
    for environment in environments:
        environment.status = "deleting"
    session.flush()
    return orders.place(
        "site.delete", was, sites=[site_id], environments=[e.id for e in environments], site_id=site_id
    )


def import_site(orders: Orders, site_id: UUID, body: dict[str, Any]) -> UUID:
    """Order the import of an archive as the site's production environment, which is made if there is none.

    Raises:
        Refusal: SITE_NOT_FOUND, SITE_DELETING, SITE_NOT_ACTIVE, URL_NOT_ALLOWED, UPLOAD_UNKNOWN, and what an
            environment that takes no orders says.
    """
    session = orders.session
    site = find_active_site(session, orders.sight, site_id)
    upload_id = refuse_at("/body/archive_url", parse_archive_url, body["archive_url"], orders.settings)
    if upload_id is not None:
        require_upload(session, orders.sight, upload_id, "/body/archive_url")
    environment = session.scalar(
        select(Environment)
        .where(Environment.site_id == site_id, Environment.type == "production")
        .order_by(Environment.created_at)
        .limit(1)
        .with_for_update()
    )
    if environment is None:
        environment = add_environment(
            session, site, {"name": "Production", "slug": "production", "type": "production"}
        )
    elif environment.status == "failed" and environment.current_release_id is None:
        # Nothing was ever served there: an import may be the second try of one that failed.
        environment.status = "creating"
    elif environment.status != "creating":
        find_active_environment(session, orders.sight, environment.id)
    return orders.place(
        "site.import",
        {"archive_url": body["archive_url"]},
        environments=[environment.id],
        site_id=site_id,
        environment_id=environment.id,
    )
