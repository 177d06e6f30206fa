"""Keys as the API shows them: what is known of them, never the key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, select
from sqlalchemy.orm import Session
from writ_contract.errors import API_KEY_NOT_FOUND

from writ.access.key_text import visible_prefix
from writ.access.models import ApiKey
from writ.contract.errors import Refusal
from writ.store.paging import Order, read_page

_KEY: Select[*tuple[Any, ...]] = select(
    ApiKey.id,
    ApiKey.key_name,
    ApiKey.description,
    ApiKey.mode,
    ApiKey.key_type,
    ApiKey.permissions,
    ApiKey.ip_allowlist,
    ApiKey.is_active,
    ApiKey.last_used_at,
    ApiKey.expires_at,
    ApiKey.previous_expires_at.label("previous_key_expires_at"),
    ApiKey.revoked_at,
    ApiKey.created_by,
    ApiKey.created_at,
)
_ORDERS = {
    "created_at": Order((ApiKey.created_at, ApiKey.id), descending=False),
    "-created_at": Order((ApiKey.created_at, ApiKey.id), descending=True),
}


def read_keys(connection: Connection, organization: UUID, query: Mapping[str, Any]) -> dict[str, Any]:
    """One page of the organization's keys. Raises Refusal CURSOR_INVALID."""
    page = read_page(connection, _KEY, _ORDERS, query, {ApiKey.organization_id: organization})
    shown = page.as_json()
    shown["data"] = [_shown(row) for row in page.data]
    return shown


def read_key_row(connection: Connection | Session, organization: UUID, key_id: UUID) -> dict[str, Any]:
    """One key of the organization. Raises Refusal API_KEY_NOT_FOUND."""
    found = connection.execute(
        _KEY.where(ApiKey.id == key_id, ApiKey.organization_id == organization)
    ).mappings()
    row = found.one_or_none()
    if row is None:
        raise Refusal(API_KEY_NOT_FOUND)
    return _shown(dict(row))


def _shown(shown: dict[str, Any]) -> dict[str, Any]:
    shown["scopes"] = shown.pop("permissions")["scopes"]
    shown["key_prefix"] = visible_prefix(shown["id"], shown["mode"])
    return shown
