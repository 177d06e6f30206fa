"""The rules of rate policies: what an organization may say, and how every process hears of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from redis import Redis
from sqlalchemy import select
from sqlalchemy.orm import Session
from writ_contract.errors import RATE_POLICY_EXISTS, RATE_POLICY_NOT_FOUND, SCALE_BELOW_AMOUNT

from writ.access.models import DEFAULT_ORGANIZATION_ID
from writ.access.rate_models import RatePolicy
from writ.contract.errors import FieldError, Refusal
from writ.contract.violations import refuse
from writ.gateway.call import Actor
from writ.gateway.callers import organization_of
from writ.gateway.limits.counter import announce
from writ.gateway.limits.policy import ANY, Policy, parse_window
from writ.store.work import Store, after_commit

_PLACE = ("subject", "surface", "rate_class", "tier", "window_seconds")


def create_policy(session: Session, redis: Redis, actor: Actor, body: Mapping[str, Any]) -> UUID:
    """Add a policy to the actor's organization; it is in force with the next request. Its id.

    Raises Refusal RATE_POLICY_EXISTS, SCALE_BELOW_AMOUNT, VALIDATION_ERROR.
    """
    organization = organization_of(actor)
    settings = _settings(organization, body)
    _require_free(session, organization, settings, None)
    policy = RatePolicy(organization_id=organization, **settings)
    session.add(policy)
    session.flush()
    after_commit(session, partial(announce, redis))
    return policy.id


def replace_policy(
    session: Session, redis: Redis, actor: Actor, policy_id: UUID, body: Mapping[str, Any]
) -> None:
    """Replace everything that a policy says.

    Raises Refusal RATE_POLICY_NOT_FOUND, RATE_POLICY_EXISTS, SCALE_BELOW_AMOUNT, VALIDATION_ERROR.
    """
    policy = _find(session, actor, policy_id)
    settings = _settings(policy.organization_id, body)
    _require_free(session, policy.organization_id, settings, policy_id)
    for name, value in settings.items():
        setattr(policy, name, value)
    after_commit(session, partial(announce, redis))


def delete_policy(session: Session, redis: Redis, actor: Actor, policy_id: UUID) -> None:
    """Remove a policy; the default of its place holds again. Raises Refusal RATE_POLICY_NOT_FOUND."""
    session.delete(_find(session, actor, policy_id))
    after_commit(session, partial(announce, redis))


def load_policies(store: Store) -> list[tuple[UUID, Policy]]:
    """Every policy of every organization, for the limiter of a process."""
    columns = (
        RatePolicy.organization_id,
        RatePolicy.subject,
        RatePolicy.surface,
        RatePolicy.rate_class,
        RatePolicy.amount,
        RatePolicy.window_seconds,
        RatePolicy.tier,
        RatePolicy.burst,
        RatePolicy.scales_to,
    )
    with store.read() as connection:
        rows = connection.execute(select(*columns)).all()
    return [(row[0], Policy(*row[1:])) for row in rows]


def _find(session: Session, actor: Actor, policy_id: UUID) -> RatePolicy:
    policy = session.scalars(
        select(RatePolicy)
        .where(RatePolicy.id == policy_id, RatePolicy.organization_id == organization_of(actor))
        .with_for_update()
    ).one_or_none()
    if policy is None:
        raise Refusal(RATE_POLICY_NOT_FOUND)
    return policy


def _require_free(
    session: Session, organization: UUID, settings: Mapping[str, Any], but: UUID | None
) -> None:
    same = [getattr(RatePolicy, name) == settings[name] for name in _PLACE]
    found = session.scalars(
        select(RatePolicy.id).where(RatePolicy.organization_id == organization, *same)
    ).one_or_none()
    if found is not None and found != but:
        raise Refusal(RATE_POLICY_EXISTS, details={"policy_id": str(found)})


def _settings(organization: UUID, body: Mapping[str, Any]) -> dict[str, Any]:
    faults = []
    seconds = 0
    try:
        seconds = parse_window(body["window"])
    except ValueError as error:
        faults.append(FieldError("/body/window", "format", str(error)))
    scales_to = body.get("scales_to")
    if body["subject"] == "address" and organization != DEFAULT_ORGANIZATION_ID:
        faults.append(
            FieldError("/body/subject", "enum", "addresses are limited by the server's own organization")
        )
    if faults:
        raise refuse(faults)
    if scales_to is not None and scales_to < body["amount"]:
        raise Refusal(SCALE_BELOW_AMOUNT, field="/body/scales_to")
    return {
        "subject": body["subject"],
        "surface": body.get("surface", ANY),
        "rate_class": body.get("rate_class", ANY),
        "tier": body.get("tier", ANY),
        "amount": body["amount"],
        "window_seconds": seconds,
        "burst": body.get("burst"),
        "scales_to": scales_to,
        "description": body.get("description"),
    }
