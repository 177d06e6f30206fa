"""Keys as the API shows them: what is known of them, never the key."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, select
from sqlalchemy.orm import Session
from writ_contract.errors import API_KEY_NOT_FOUND

from writ.access.key_text import visible_prefix
from writ.access.models import ApiKey
from writ.contract.errors import Refusal
from writ.gateway.call import Actor
from writ.gateway.callers import organization_of
from writ.store.json_lists import lists_only
from writ.store.paging import Order, read_page

_KEY: Select[*tuple[Any, ...]] = select(
    ApiKey.id,
    ApiKey.key_name,
    ApiKey.description,
    ApiKey.mode,
    ApiKey.key_type,
    ApiKey.permissions,
    ApiKey.ip_allowlist,
    ApiKey.rate_limits,
    ApiKey.rate_limit_per_hour,
    ApiKey.require_signature,
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


def read_keys(connection: Connection, actor: Actor, query: Mapping[str, Any]) -> dict[str, Any]:
    """One page of the keys of the actor's organization; of an actor that is confined to projects, those of
    keys that are confined to some of them. Raises Refusal CURSOR_INVALID.
    """
    filters = {ApiKey.organization_id: organization_of(actor)}
    page = read_page(connection, _seen_by(actor, connection.dialect.name), _ORDERS, query, filters)
    shown = page.as_json()
    shown["data"] = [_shown(row) for row in page.data]
    return shown


def read_key_row(connection: Connection | Session, actor: Actor, key_id: UUID) -> dict[str, Any]:
    """One of those keys. Raises Refusal API_KEY_NOT_FOUND."""
    dialect = (connection.get_bind() if isinstance(connection, Session) else connection).dialect.name
    statement = _seen_by(actor, dialect).where(
        ApiKey.id == key_id, ApiKey.organization_id == organization_of(actor)
    )
    row = connection.execute(statement).mappings().one_or_none()
    if row is None:
        raise Refusal(API_KEY_NOT_FOUND)
    return _shown(dict(row))


def _seen_by(actor: Actor, dialect: str) -> Select[*tuple[Any, ...]]:
    return _KEY if actor.projects is None else _confined(actor.projects, dialect)


# Kept, because the statements of lists have to be constants.
@lru_cache(maxsize=64)
def _confined(projects: frozenset[UUID], dialect: str) -> Select[*tuple[Any, ...]]:
    return _KEY.where(lists_only(ApiKey.permissions, "projects", frozenset(map(str, projects)), dialect))


def _shown(shown: dict[str, Any]) -> dict[str, Any]:
    permissions = shown.pop("permissions")
    shown["scopes"] = permissions["scopes"]
    shown["projects"] = permissions.get("projects")
    shown["endpoints"] = permissions.get("endpoints", {})
    shown["key_prefix"] = visible_prefix(shown["id"], shown["mode"])
    return shown
