"""Users as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, select
from sqlalchemy.orm import Session
from writ_contract.errors import FORBIDDEN, USER_NOT_FOUND

from writ.access.models import User
from writ.contract.errors import Refusal
from writ.gateway.call import Actor
from writ.store.paging import Order, equals, read_page

_USER: Select[*tuple[Any, ...]] = select(
    User.id, User.email, User.name, User.role, User.status, User.created_at, User.updated_at
)
_ORDERS = {
    "created_at": Order((User.created_at, User.id), descending=False),
    "-created_at": Order((User.created_at, User.id), descending=True),
}
_FILTERS = {"role": User.role, "status": User.status}


def read_users(connection: Connection, organization: UUID, query: Mapping[str, Any]) -> dict[str, Any]:
    """One page of the organization's users. Raises Refusal CURSOR_INVALID."""
    filters = {User.organization_id: organization, **equals(query, _FILTERS)}
    return read_page(connection, _USER, _ORDERS, query, filters).as_json()


def read_user(connection: Connection | Session, organization: UUID, user_id: UUID) -> dict[str, Any]:
    """One user of the organization. Raises Refusal USER_NOT_FOUND."""
    found = connection.execute(
        _USER.where(User.id == user_id, User.organization_id == organization)
    ).mappings()
    row = found.one_or_none()
    if row is None:
        raise Refusal(USER_NOT_FOUND)
    return dict(row)


def read_caller(connection: Connection, organization: UUID, actor: Actor) -> dict[str, Any]:
    """The user who calls, and what the credential is. Raises Refusal FORBIDDEN for an application's token."""
    if actor.role == "application":
        raise Refusal(FORBIDDEN, "This token is an application's own; no user calls with it.")
    credential = {
        "kind": actor.kind,
        "scopes": sorted(actor.scopes),
        "key_id": actor.key_id,
        "application_id": actor.application_id,
    }
    return {
        **read_user(connection, organization, actor.id),
        "organization_id": organization,
        "credential": credential,
    }
