"""Webhooks as the API shows them: never their secrets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, select
from sqlalchemy.orm import Session
from writ_contract.errors import WEBHOOK_NOT_FOUND

from writ.contract.errors import Refusal
from writ.events.webhook_models import WebhookSubscription as Subscription
from writ.gateway.call import Actor
from writ.store.json_lists import lists_only
from writ.store.paging import Order, equals, read_page

_SHOWN: Select[*tuple[Any, ...]] = select(
    Subscription.id,
    Subscription.organization_id,
    Subscription.api_key_id,
    Subscription.webhook_url,
    Subscription.description,
    Subscription.event_types,
    Subscription.filters,
    Subscription.is_active,
    Subscription.ordered,
    Subscription.max_per_second,
    Subscription.retry_policy,
    Subscription.api_version,
    Subscription.last_delivery_at,
    Subscription.success_count,
    Subscription.failure_count,
    Subscription.first_failure_at,
    Subscription.disabled_at,
    Subscription.disabled_reason,
    Subscription.previous_secret_expires_at,
    Subscription.created_by,
    Subscription.created_at,
    Subscription.updated_at,
)
_VISIBLE = _SHOWN.where(Subscription.deleted_at.is_(None))
# An id begins with the time of its making, so the order by id is the one by creation.
_ORDERS = {
    "created_at": Order((Subscription.id,), descending=False),
    "-created_at": Order((Subscription.id,), descending=True),
}


def visible_to(actor: Actor, dialect: str) -> tuple[ColumnElement[bool], ...]:
    """What a caller's webhooks have in common: its organization; of a confined key also that it made them,
    and that they hear of none but its projects, whatever became of webhook or key since.
    """
    mine = Subscription.organization_id == actor.organization_id
    if actor.projects is None:
        return (mine,)
    projects = frozenset(map(str, actor.projects))
    within = lists_only(Subscription.filters, "project_ids", projects, dialect)
    return mine, Subscription.api_key_id == actor.key_id, within


def read_webhooks(connection: Connection, actor: Actor, query: Mapping[str, Any]) -> dict[str, Any]:
    """One page of the webhooks that the caller sees. Raises Refusal CURSOR_INVALID."""
    filters: dict[Any, Any] = {Subscription.organization_id: actor.organization_id}
    statement = _VISIBLE
    if actor.projects is not None:
        filters[Subscription.api_key_id] = actor.key_id
        statement = _confined(actor.projects, connection.dialect.name)
    filters |= equals(query, {"is_active": Subscription.is_active})
    return read_page(connection, statement, _ORDERS, query, filters).as_json()


# Kept, because the statements of lists have to be constants.
@lru_cache(maxsize=64)
def _confined(projects: frozenset[UUID], dialect: str) -> Select[*tuple[Any, ...]]:
    texts = frozenset(map(str, projects))
    return _VISIBLE.where(lists_only(Subscription.filters, "project_ids", texts, dialect))


def read_webhook(connection: Connection | Session, actor: Actor, webhook_id: UUID) -> dict[str, Any]:
    """One webhook that the caller sees. Raises Refusal WEBHOOK_NOT_FOUND."""
    dialect = (connection.get_bind() if isinstance(connection, Session) else connection).dialect.name
    statement = _VISIBLE.where(Subscription.id == webhook_id, *visible_to(actor, dialect))
    row = connection.execute(statement).mappings().one_or_none()
    if row is None:
        raise Refusal(WEBHOOK_NOT_FOUND)
    return dict(row)


def read_webhook_row(session: Session, webhook_id: UUID) -> dict[str, Any]:
    """One webhook, whoever asks; for events."""
    return dict(session.execute(_SHOWN.where(Subscription.id == webhook_id)).mappings().one())
