"""Tables of limits: the policies that organizations have of their own, and the hours of keys."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from writ.store.base import Base, UtcDateTime, new_id, now


class RatePolicy(Base):
    """One policy of an organization, as `writ.gateway.limits.policy.Policy` says."""

    __tablename__ = "rate_policies"
    __table_args__ = (
        UniqueConstraint(
            "organization_id",
            "subject",
            "surface",
            "rate_class",
            "tier",
            "window_seconds",
            name="uq_rate_policies_place",
        ),
        Index("ix_rate_policies_organization_id_created_at_id", "organization_id", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    subject: Mapped[str] = mapped_column(String(20))
    surface: Mapped[str] = mapped_column(String(20))
    rate_class: Mapped[str] = mapped_column(String(20))
    tier: Mapped[str] = mapped_column(String(20))
    amount: Mapped[int]
    window_seconds: Mapped[int]
    burst: Mapped[int | None]
    scales_to: Mapped[int | None]
    description: Mapped[str | None] = mapped_column(String(1000))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, onupdate=now)


class ApiRateLimit(Base):
    """How many requests of a key were admitted in the hour that begins at `window_start`."""

    __tablename__ = "api_rate_limits"
    __table_args__ = (
        UniqueConstraint("api_key_id", "window_start", name="uq_api_rate_limits_api_key_id_window_start"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    api_key_id: Mapped[UUID] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"))
    window_start: Mapped[datetime] = mapped_column(UtcDateTime)
    request_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
