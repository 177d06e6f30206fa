"""Rate policies as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, select
from sqlalchemy.orm import Session
from writ_contract.errors import RATE_POLICY_NOT_FOUND

from writ.access.rate_models import RatePolicy
from writ.contract.errors import Refusal
from writ.gateway.limits.defaults import DEFAULTS
from writ.gateway.limits.policy import format_window
from writ.store.paging import Order, read_page

_POLICY: Select[*tuple[Any, ...]] = select(
    RatePolicy.id,
    RatePolicy.subject,
    RatePolicy.surface,
    RatePolicy.rate_class,
    RatePolicy.tier,
    RatePolicy.amount,
    RatePolicy.window_seconds,
    RatePolicy.burst,
    RatePolicy.scales_to,
    RatePolicy.description,
    RatePolicy.created_at,
    RatePolicy.updated_at,
)
_ORDERS = {
    "created_at": Order((RatePolicy.created_at, RatePolicy.id), descending=False),
    "-created_at": Order((RatePolicy.created_at, RatePolicy.id), descending=True),
}


def read_policies(connection: Connection, organization: UUID, query: Mapping[str, Any]) -> dict[str, Any]:
    """One page of the organization's policies. Raises Refusal CURSOR_INVALID."""
    page = read_page(connection, _POLICY, _ORDERS, query, {RatePolicy.organization_id: organization})
    shown = page.as_json()
    shown["data"] = [_shown(row) for row in page.data]
    return shown


def read_policy(connection: Connection | Session, organization: UUID, policy_id: UUID) -> dict[str, Any]:
    """One policy of the organization. Raises Refusal RATE_POLICY_NOT_FOUND."""
    wanted = _POLICY.where(RatePolicy.id == policy_id, RatePolicy.organization_id == organization)
    row = connection.execute(wanted).mappings().one_or_none()
    if row is None:
        raise Refusal(RATE_POLICY_NOT_FOUND)
    return _shown(dict(row))


def read_defaults() -> list[dict[str, Any]]:
    """The policies that hold for places of which an organization says nothing."""
    return [
        {
            "subject": policy.subject,
            "surface": policy.surface,
            "rate_class": policy.rate_class,
            "tier": policy.tier,
            "amount": policy.amount,
            "window": format_window(policy.window_seconds),
            "window_seconds": policy.window_seconds,
            "burst": policy.burst,
            "scales_to": policy.scales_to,
        }
        for policy in DEFAULTS
    ]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "window": format_window(row["window_seconds"])}
