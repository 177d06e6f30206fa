"""The rules of releases: deploy, roll back, promote."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select

from writ.contract.errors import Refusal
from writ.hosting.environments import orders_preset, place_on
from writ.hosting.find import (
    find_active_environment,
    find_release,
    find_released_environment,
    require_upload,
)
from writ.hosting.models import Release, Site
from writ.hosting.orders import Orders
from writ.hosting.origins import parse_git, refuse_at
from writ.hosting.sources.refs import parse_upload


def deploy_environment(orders: Orders, environment_id: UUID, body: dict[str, Any]) -> UUID:
    """Order a release from git or from an upload.

    Raises:
        Refusal: SOURCE_REF_INVALID, SOURCE_NOT_ALLOWED, UPLOAD_UNKNOWN, and as `find_active_environment`.
    """
    session = orders.session
    environment = find_active_environment(session, orders.sight, environment_id)
    source_ref = body["source_ref"]
    if body["source_type"] == "git":
        repository_url = session.scalar(select(Site.repository_url).where(Site.id == environment.site_id))
        refuse_at("/body/source_ref", parse_git, source_ref, repository_url, orders.settings)
    else:
        upload_id = refuse_at("/body/source_ref", parse_upload, source_ref)
        require_upload(session, orders.sight, upload_id, "/body/source_ref")
        source_ref = str(upload_id)
    parameters = {
        "source_type": body["source_type"],
        "source_ref": source_ref,
        "health_path": body.get("health_path"),
    }
    return place_on(orders, "environment.deploy", environment, parameters)


def rollback_environment(orders: Orders, environment_id: UUID, body: dict[str, Any] | None) -> UUID:
    """Order the way back to an earlier good release, the last one before the current one unless named.

    Raises:
        Refusal: NO_EARLIER_RELEASE, RELEASE_NOT_FOUND, RELEASE_NOT_GOOD, and as `find_active_environment`.
    """
    session = orders.session
    environment = find_active_environment(session, orders.sight, environment_id)
    wanted = (body or {}).get("release_id")
    if wanted is None:
        release = _earlier_release(orders, environment_id, environment.current_release_id)
    else:
        release = find_release(session, environment_id, UUID(wanted))
        if release.id == environment.current_release_id:
            raise Refusal(
                "RELEASE_NOT_GOOD", f"The release {release.id} is live already.", field="/body/release_id"
            )
        if release.status != "good" or not release.on_disk:
            raise Refusal(
                "RELEASE_NOT_GOOD",
                f"The release {release.id} is {release.status if release.on_disk else 'not kept any more'}.",
                field="/body/release_id",
            )
    return place_on(orders, "environment.rollback", environment, {"release_id": str(release.id)})


def _earlier_release(orders: Orders, environment_id: UUID, current_id: UUID | None) -> Release:
    current = orders.session.get(Release, current_id) if current_id is not None else None
    if current is not None:
        earlier = orders.session.scalar(
            select(Release)
            .where(
                Release.environment_id == environment_id,
                Release.status == "good",
                Release.on_disk,
                Release.created_at <= current.created_at,
                Release.id != current.id,
            )
            .order_by(Release.created_at.desc(), Release.id.desc())
            .limit(1)
        )
        if earlier is not None:
            return earlier
    raise Refusal("NO_EARLIER_RELEASE")


def promote_environment(orders: Orders, environment_id: UUID, body: dict[str, Any]) -> UUID:
    """Order code, content or both of this environment copied to another one of the site.

    Raises:
        Refusal: PROMOTE_SAME_ENVIRONMENT, PROMOTE_OTHER_SITE, NO_CURRENT_RELEASE, and what an environment
            that takes no orders says.
    """
    target_id = UUID(body["target_environment_id"])
    if target_id == environment_id:
        raise Refusal("PROMOTE_SAME_ENVIRONMENT", field="/body/target_environment_id")
    # Locked in the order of their ids: two promotions that cross must not wait for each other.
    first, second = sorted((environment_id, target_id))
    found = {i: find_active_environment(orders.session, orders.sight, i) for i in (first, second)}
    source = find_released_environment(orders.session, orders.sight, environment_id)
    target = found[target_id]
    if target.site_id != source.site_id:
        raise Refusal("PROMOTE_OTHER_SITE", field="/body/target_environment_id")
    preset = orders_preset({"promotion_preset": body.get("promotion_preset") or source.promotion_preset})
    return orders.place(
        "environment.promote",
        {"source_environment_id": str(source.id), "target_environment_id": str(target_id), "preset": preset},
        environments=[source.id, target_id],
        site_id=source.site_id,
        environment_id=target_id,
    )
