"""The rules of domains."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError

from writ.contract.errors import Refusal
from writ.hosting.environments import place_on
from writ.hosting.find import find_active_environment, find_domain, require_failed
from writ.hosting.models import Domain, Environment
from writ.hosting.orders import Orders

_FIELD = "/body/hostname"


def create_domain(orders: Orders, environment_id: UUID, body: dict[str, Any]) -> UUID:
    """Order a hostname for an environment.

    Raises:
        Refusal: HOSTNAME_TAKEN, and as `find_active_environment`.
    """
    session = orders.session
    environment = find_active_environment(session, orders.sight, environment_id)
    hostname: str = body["hostname"]
    if hostname.endswith(".localhost"):
        # These are given out by Writ itself, also to environments that are yet to come.
        raise Refusal(
            "HOSTNAME_TAKEN", "Names below localhost belong to Writ; use a name of yours.", field=_FIELD
        )
    taken = select(Environment.id).where(
        or_(
            Environment.hostname == hostname,
            select(Domain.id).where(Domain.hostname == hostname).exists(),
        )
    )
    if session.scalar(taken.limit(1)) is not None:
        raise _taken(hostname)
    domain = Domain(environment_id=environment_id, hostname=hostname)
    session.add(domain)
    try:
        session.flush()
    except IntegrityError:
        # Another order for this hostname was committed since the look above.
        raise _taken(hostname) from None
    return place_on(
        orders, "domain.create", environment, {"domain_id": str(domain.id), "hostname": domain.hostname}
    )


def _taken(hostname: str) -> Refusal:
    return Refusal("HOSTNAME_TAKEN", f"{hostname} belongs to an environment already.", field=_FIELD)


def create_domain_again(orders: Orders, environment_id: UUID, domain_id: UUID) -> UUID:
    """Order a domain that failed once more.

    Raises:
        Refusal: DOMAIN_NOT_FOUND, DOMAIN_DELETING, JOB_NOT_RETRYABLE, and as `find_active_environment`.
    """
    environment = find_active_environment(orders.session, orders.sight, environment_id)
    domain = find_domain(orders.session, orders.sight, domain_id)
    if domain.status == "deleting":
        raise Refusal("DOMAIN_DELETING")
    require_failed("domain", domain.status)
    domain.status = "creating"
    parameters = {"domain_id": str(domain.id), "hostname": domain.hostname}
    return place_on(orders, "domain.create", environment, parameters)


def delete_domain(orders: Orders, domain_id: UUID) -> UUID:
    """Order the end of a domain.

    Raises:
        Refusal: DOMAIN_NOT_FOUND, DOMAIN_DELETING.
    """
    domain = find_domain(orders.session, orders.sight, domain_id)
    if domain.status == "deleting":
        raise Refusal("DOMAIN_DELETING", f"{domain.hostname} is being removed already.")
    was, domain.status = domain.status, "deleting"
    environment = orders.session.get_one(Environment, domain.environment_id)
    parameters = {"domain_id": str(domain.id), "hostname": domain.hostname, "was": was}
    return place_on(orders, "domain.delete", environment, parameters)
