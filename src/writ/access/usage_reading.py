"""What is left of the quotas: of every key, as recorded, and of the caller, as counted this moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, select
from writ_contract.errors import SERVICE_UNAVAILABLE

from writ.access.models import ApiKey
from writ.contract.errors import Refusal
from writ.gateway.call import Actor
from writ.gateway.services import Limiter
from writ.records.usage import used_in_hour
from writ.store.base import now
from writ.store.paging import Order, equals, read_page

_KEY: Select[*tuple[Any, ...]] = select(
    ApiKey.id.label("api_key_id"),
    ApiKey.key_name,
    ApiKey.key_type,
    ApiKey.rate_limit_per_hour.label("limit_per_hour"),
    ApiKey.created_at,
    ApiKey.id,
).where(ApiKey.is_active.is_(True))
_ORDERS = {"-created_at": Order((ApiKey.created_at, ApiKey.id), descending=True)}


def own_limits(limiter: Limiter, actor: Actor) -> list[dict[str, Any]] | None:
    """The limits that requests of the caller meet and how much is left of each; None while Redis is away.

    The figures are those that the limiter decides by, this request among them.
    """
    try:
        return [asdict(quota) for quota in limiter.quotas_of(actor)]
    except Refusal as refusal:
        if refusal.code != SERVICE_UNAVAILABLE:
            raise
        return None


def read_quotas(connection: Connection, organization: UUID, query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the organization's active keys with what they have used in this hour, newest key first.

    Raises:
        Refusal: CURSOR_INVALID.
    """
    asked = {"limit": query["limit"], "cursor": query.get("cursor"), "sort": "-created_at"}
    filters = {ApiKey.organization_id: organization, **equals(query, {"api_key_id": ApiKey.id})}
    page = read_page(connection, _KEY, _ORDERS, asked, filters)
    moment = now()
    ends = moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    used = used_in_hour(connection, [row["api_key_id"] for row in page.data], moment)
    for row in page.data:
        del row["created_at"], row["id"]
        row["used"] = used.get(row["api_key_id"], 0)
        row["remaining"] = max(row["limit_per_hour"] - row["used"], 0)
        row["resets_at"] = ends
    return page.as_json()
