"""Endpoints that are told nothing more: by a person, because they said so, or because they only fail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session
from writ_contract.events import WEBHOOK_DISABLED

from writ.events.alarms import tell_disabled
from writ.events.publish import publish
from writ.events.subscription_reading import read_webhook_row
from writ.events.webhook_models import WebhookSubscription
from writ.store.base import now

log = structlog.get_logger(__name__)

GONE_REASON, FAILING_REASON, REQUESTED_REASON = "gone", "failing", "requested"
"""Why: the receiver answered 410; only failures for five days; a person said so."""

_WHY = {
    GONE_REASON: "its receiver answered that it is gone (410)",
    FAILING_REASON: "every attempt of the last five days failed",
}

FAILING_FOR = timedelta(days=5)
"""An endpoint that has only failed for so long is disabled."""


def disable(session: Session, candidates: Mapping[str, str]) -> list[str]:
    """Disable those that are to be: all that are gone, and of the failing ones those that are so for long.

    `candidates` are ids, in hexadecimal digits, with the reason. Returns the ids of those now disabled; each
    causes the event webhook.disabled.
    """
    if not candidates:
        return []
    moment = now()
    found = session.scalars(
        select(WebhookSubscription).where(
            WebhookSubscription.id.in_([UUID(key) for key in candidates]), WebhookSubscription.is_active
        )
    ).all()
    disabled = []
    for subscription in found:
        session.refresh(subscription)
        reason, since = candidates[subscription.id.hex], subscription.first_failure_at
        if reason == GONE_REASON or (since is not None and since <= moment - FAILING_FOR):
            disable_one(session, subscription, reason)
            disabled.append(subscription.id.hex)
    return disabled


def disable_one(session: Session, subscription: WebhookSubscription, reason: str) -> None:
    """Disable a subscription that is active, and tell it."""
    subscription.is_active = False
    subscription.disabled_at, subscription.disabled_reason = now(), reason
    subscription.version += 1
    session.flush()
    log.warning("webhook_disabled", webhook=str(subscription.id), reason=reason)
    publish(
        session,
        WEBHOOK_DISABLED,
        organization_id=subscription.organization_id,
        subject=f"webhook:{subscription.id}",
        data={**read_webhook_row(session, subscription.id), "reason": reason},
    )
    if reason in _WHY:
        tell_disabled(session, subscription, _WHY[reason])
