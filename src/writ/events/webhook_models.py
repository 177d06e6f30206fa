"""Tables of webhooks: who wants to hear what, and what became of telling them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from writ.events.envelope import API_VERSION
from writ.store.base import Base, new_id, now

PENDING, RETRYING, DELIVERED, FAILED = "pending", "retrying", "delivered", "failed"
"""What a delivery is: waiting for its first attempt, for another one, or ended."""

RESPONSE_MAX_BYTES = 20_000
"""So much of what a receiver answers is read and kept."""


class WebhookSubscription(Base):
    """An address elsewhere, and the events that are told to it.

    Both secrets are sealed (`store.secrets.Sealer`) for the place `webhook_secret:<id>`. `retry_policy` holds
    max_attempts, backoff and perhaps initial_seconds and max_seconds; `filters` perhaps project_ids, subjects
    and data. `version` grows with every change that a person makes. A subscription that was deleted is seen
    by nobody and goes when its deliveries have gone. `first_failure_at` is when the first of the failures
    came that no success has followed, `alarmed_at` when administrators were told of failures last.
    """

    __tablename__ = "webhook_subscriptions"
    __table_args__ = (
        Index("ix_webhook_subscriptions_organization_id_id", "organization_id", "id"),
        Index("ix_webhook_subscriptions_api_key_id_id", "api_key_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    api_key_id: Mapped[UUID | None] = mapped_column(ForeignKey("api_keys.id", ondelete="SET NULL"))
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    webhook_url: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(String(1000))
    event_types: Mapped[list[Any]] = mapped_column()
    filters: Mapped[dict[str, Any]] = mapped_column(default=dict)
    secret_key: Mapped[str] = mapped_column(String(400))
    previous_secret: Mapped[str | None] = mapped_column(String(400))
    previous_secret_expires_at: Mapped[datetime | None] = mapped_column()
    is_active: Mapped[bool] = mapped_column(default=True)
    ordered: Mapped[bool] = mapped_column(default=False)
    max_per_second: Mapped[int | None] = mapped_column()
    retry_policy: Mapped[dict[str, Any]] = mapped_column(
        default=lambda: {"max_attempts": 3, "backoff": "exponential"}
    )
    api_version: Mapped[str] = mapped_column(String(20), default=API_VERSION)
    last_delivery_at: Mapped[datetime | None] = mapped_column()
    success_count: Mapped[int] = mapped_column(BigInteger, default=0)
    failure_count: Mapped[int] = mapped_column(BigInteger, default=0)
    first_failure_at: Mapped[datetime | None] = mapped_column()
    alarmed_at: Mapped[datetime | None] = mapped_column()
    disabled_at: Mapped[datetime | None] = mapped_column()
    disabled_reason: Mapped[str | None] = mapped_column(String(40))
    deleted_at: Mapped[datetime | None] = mapped_column()
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class WebhookDelivery(Base):
    """One event on its way to one subscription. Its payload is made of the event's row, which has it once.

    `attempt_number` is the attempt that was made last, or the first while none was. `next_retry_at` is when
    the next attempt is due, null once there is none. `attempt_id` is what the last attempt carried as
    X-WedSync-Delivery. `replay_of` is the delivery whose event is told once more. `position` is the event's;
    `subject` is only kept where its order counts.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'retrying', 'delivered', 'failed')", name="status_known"),
        Index("ix_webhook_deliveries_subscription_id_id", "subscription_id", "id"),
        Index("ix_webhook_deliveries_subscription_id_status_id", "subscription_id", "status", "id"),
        Index("ix_webhook_deliveries_subscription_id_event_type_id", "subscription_id", "event_type", "id"),
        Index(
            "ix_webhook_deliveries_due",
            "subscription_id",
            "status",
            "next_retry_at",
            sqlite_where=text("next_retry_at IS NOT NULL"),
            postgresql_where=text("next_retry_at IS NOT NULL"),
        ),
        Index(
            "ix_webhook_deliveries_in_order",
            "subscription_id",
            "subject",
            "position",
            "id",
            sqlite_where=text("next_retry_at IS NOT NULL AND subject IS NOT NULL"),
            postgresql_where=text("next_retry_at IS NOT NULL AND subject IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    subscription_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_subscriptions.id"))
    event_id: Mapped[UUID] = mapped_column()
    event_type: Mapped[str] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(12), default=PENDING)
    attempt_number: Mapped[int] = mapped_column(default=1)
    attempt_id: Mapped[UUID | None] = mapped_column()
    next_retry_at: Mapped[datetime | None] = mapped_column(default=now)
    http_status_code: Mapped[int | None] = mapped_column()
    response_body: Mapped[str | None] = mapped_column(Text)
    response_time_ms: Mapped[int | None] = mapped_column()
    error: Mapped[str | None] = mapped_column(String(300))
    delivered_at: Mapped[datetime | None] = mapped_column()
    replay_of: Mapped[UUID | None] = mapped_column()
    position: Mapped[int | None] = mapped_column(BigInteger)
    subject: Mapped[str | None] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(default=now)


class WebhookAttempt(Base):
    """An attempt that failed. The attempt that succeeded is on the delivery itself."""

    __tablename__ = "webhook_attempts"

    delivery_id: Mapped[UUID] = mapped_column(
        ForeignKey("webhook_deliveries.id", ondelete="CASCADE"), primary_key=True
    )
    attempt_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    attempt_id: Mapped[UUID | None] = mapped_column()
    attempted_at: Mapped[datetime] = mapped_column()
    http_status_code: Mapped[int | None] = mapped_column()
    response_body: Mapped[str | None] = mapped_column(Text)
    response_time_ms: Mapped[int | None] = mapped_column()
    error: Mapped[str | None] = mapped_column(String(300))
