"""What administrators are told of webhooks: that deliveries were given up, and that one was disabled."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from writ.events.notifications import notify
from writ.events.webhook_models import WebhookSubscription
from writ.store.base import now

AT_MOST_EVERY = timedelta(days=1)
"""A webhook whose deliveries fail is told of so often."""


def alarm(session: Session, webhook_ids: Collection[UUID]) -> None:
    """Tell that deliveries to these webhooks were given up, once a day and webhook."""
    if not webhook_ids:
        return
    moment = now()
    found = session.scalars(
        select(WebhookSubscription).where(
            WebhookSubscription.id.in_(set(webhook_ids)),
            WebhookSubscription.is_active,
            or_(
                WebhookSubscription.alarmed_at.is_(None),
                WebhookSubscription.alarmed_at < moment - AT_MOST_EVERY,
            ),
        )
    ).all()
    for webhook in found:
        webhook.alarmed_at = moment
        notify(
            session,
            organization_id=webhook.organization_id,
            kind="webhook.failing",
            title="A webhook cannot be delivered",
            message=f"Deliveries to {webhook.webhook_url} were given up after all of their attempts. Its list"
            " of deliveries says why; they can be replayed.",
            link=f"/api/v1/webhooks/{webhook.id}/deliveries?status=failed",
        )


def tell_disabled(session: Session, webhook: WebhookSubscription, why: str) -> None:
    """Tell that a webhook was disabled; `why` ends the sentence."""
    notify(
        session,
        organization_id=webhook.organization_id,
        kind="webhook.disabled",
        title="A webhook was disabled",
        message=f"Nothing is sent to {webhook.webhook_url} any more: {why}. What waits for it is sent when it"
        " is enabled again.",
        link=f"/api/v1/webhooks/{webhook.id}",
    )
