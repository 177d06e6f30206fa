"""Applications as the API shows them: what is known of them, never the secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, select
from sqlalchemy.orm import Session
from writ_contract.errors import APPLICATION_NOT_FOUND

from writ.access.oauth.models import DeveloperApplication as Application
from writ.contract.errors import Refusal
from writ.store.paging import Order, equals, read_page

_APPLICATION: Select[*tuple[Any, ...]] = select(
    Application.id,
    Application.organization_id,
    Application.application_name,
    Application.application_description,
    Application.application_url,
    Application.contact_email,
    Application.api_tier,
    Application.approval_status,
    Application.approved_by,
    Application.approved_at,
    Application.client_id,
    Application.is_confidential,
    Application.redirect_uris,
    Application.scopes,
    Application.grant_types,
    Application.created_by,
    Application.created_at,
)
_ORDERS = {
    "created_at": Order((Application.created_at, Application.id), descending=False),
    "-created_at": Order((Application.created_at, Application.id), descending=True),
}
_FILTERS = {"approval_status": Application.approval_status}


def read_applications(connection: Connection, organization: UUID, query: Mapping[str, Any]) -> dict[str, Any]:
    """One page of the organization's applications. Raises Refusal CURSOR_INVALID."""
    filters = {Application.organization_id: organization, **equals(query, _FILTERS)}
    return read_page(connection, _APPLICATION, _ORDERS, query, filters).as_json()


def read_application(
    connection: Connection | Session, organization: UUID, application_id: UUID
) -> dict[str, Any]:
    """One application of the organization. Raises Refusal APPLICATION_NOT_FOUND."""
    found = connection.execute(
        _APPLICATION.where(Application.id == application_id, Application.organization_id == organization)
    ).mappings()
    row = found.one_or_none()
    if row is None:
        raise Refusal(APPLICATION_NOT_FOUND)
    return dict(row)
