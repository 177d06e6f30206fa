"""The rules of environments."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from writ.contract.errors import Refusal
from writ.hosting.find import (
    find_active_environment,
    find_active_site,
    find_environment,
    find_released_environment,
    require_failed,
)
from writ.hosting.models import Environment, Site
from writ.hosting.nodes import choose_node
from writ.hosting.orders import Orders


def add_environment(session: Session, site: Site, body: dict[str, Any]) -> Environment:
    """Write the row of a new environment, on the node with room for it.

    Raises:
        Refusal: ENVIRONMENT_SLUG_TAKEN.
    """
    slug = body["slug"]
    taken = select(Environment.id).where(Environment.site_id == site.id, Environment.slug == slug)
    if session.scalar(taken) is not None:
        raise _slug_taken(slug)
    environment = Environment(
        site_id=site.id,
        node_id=choose_node(session),
        name=body["name"],
        slug=slug,
        type=body["type"],
        hostname=f"{slug}.{site.slug}.localhost",
        source_environment_id=body.get("source_environment_id"),
        promotion_preset=body.get("promotion_preset"),
    )
    session.add(environment)
    try:
        session.flush()
    except IntegrityError:
        # Another order with this slug was committed since the look above.
        raise _slug_taken(slug) from None
    return environment


def _slug_taken(slug: str) -> Refusal:
    return Refusal(
        "ENVIRONMENT_SLUG_TAKEN",
        f"The site has an environment with the slug {slug}; choose another.",
        field="/body/slug",
    )


def create_environment(orders: Orders, site_id: UUID, body: dict[str, Any]) -> UUID:
    """Order an environment, empty or as a copy of another one of the site.

    Raises:
        Refusal: SITE_NOT_FOUND, SITE_DELETING, SITE_NOT_ACTIVE, ENVIRONMENT_SLUG_TAKEN, SOURCE_OTHER_SITE,
            and what a source that takes no orders says.
    """
    session = orders.session
    site = find_active_site(session, orders.sight, site_id)
    source_id = body.get("source_environment_id")
    preset = orders_preset(body) if source_id is not None else None
    body = {**body, "promotion_preset": preset}
    if source_id is not None:
        source = find_active_environment(session, orders.sight, UUID(source_id))
        if source.site_id != site_id:
            raise Refusal("SOURCE_OTHER_SITE", field="/body/source_environment_id")
        body["source_environment_id"] = source.id
    environment = add_environment(session, site, body)
    return _place_creation(orders, environment)


def orders_preset(body: dict[str, Any]) -> str:
    """The preset that the body names; full when it names none."""
    return body.get("promotion_preset") or "full"


def create_environment_again(orders: Orders, environment_id: UUID) -> UUID:
    """Order the creation of an environment that failed once more.

    Raises:
        Refusal: ENVIRONMENT_NOT_FOUND, ENVIRONMENT_DELETING, JOB_NOT_RETRYABLE.
    """
    environment = find_environment(orders.session, orders.sight, environment_id)
    if environment.status == "deleting":
        raise Refusal("ENVIRONMENT_DELETING")
    if environment.current_release_id is not None:
        # It lived once, and what failed is its deletion: made again it would lose what is left of it.
        raise Refusal("JOB_NOT_RETRYABLE", "The environment has releases; it is not made again.")
    require_failed("environment", environment.status)
    environment.status = "creating"
    return _place_creation(orders, environment)


def _place_creation(orders: Orders, environment: Environment) -> UUID:
    source = environment.source_environment_id
    return orders.place(
        "environment.create",
        {"source_environment_id": str(source) if source else None, "preset": environment.promotion_preset},
        environments=[environment.id] if source is None else [environment.id, source],
        site_id=environment.site_id,
        environment_id=environment.id,
    )


def delete_environment(orders: Orders, environment_id: UUID) -> UUID:
    """Order the end of an environment, with its releases, domains and backups.

    Raises:
        Refusal: ENVIRONMENT_NOT_FOUND, ENVIRONMENT_DELETING.
    """
    environment = find_environment(orders.session, orders.sight, environment_id)
    if environment.status == "deleting":
        raise Refusal("ENVIRONMENT_DELETING", f"The environment {environment.slug} is being deleted already.")
    was, environment.status = environment.status, "deleting"
    return place_on(orders, "environment.delete", environment, {"was": was})


def check_drift(orders: Orders, environment_id: UUID) -> UUID:
    """Order a comparison of the node's files with the current release's manifest.

    Raises:
        Refusal: as `find_released_environment`.
    """
    return place_on(
        orders,
        "environment.drift_check",
        find_released_environment(orders.session, orders.sight, environment_id),
    )


def update_environment(orders: Orders, environment_id: UUID, body: dict[str, Any]) -> UUID:
    """Order updates of WordPress, its plugins or its themes.

    Raises:
        Refusal: as `find_released_environment`.
    """
    environment = find_released_environment(orders.session, orders.sight, environment_id)
    return place_on(orders, "environment.update", environment, {"scope": body["scope"]})


def set_cache(orders: Orders, environment_id: UUID, body: dict[str, Any]) -> UUID:
    """Order a change of the caches; flags that the body leaves out stay.

    Raises:
        Refusal: as `find_active_environment`.
    """
    environment = find_active_environment(orders.session, orders.sight, environment_id)
    return place_on(orders, "environment.cache", environment, dict(body))


def purge_cache(orders: Orders, environment_id: UUID) -> UUID:
    """Order the caches emptied.

    Raises:
        Refusal: as `find_active_environment`.
    """
    return place_on(
        orders,
        "environment.cache_purge",
        find_active_environment(orders.session, orders.sight, environment_id),
    )


def place_on(
    orders: Orders, kind: str, environment: Environment, parameters: dict[str, Any] | None = None
) -> UUID:
    """Place an order that works on one environment."""
    return orders.place(
        kind,
        parameters,
        environments=[environment.id],
        site_id=environment.site_id,
        environment_id=environment.id,
    )
