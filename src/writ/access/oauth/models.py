"""Tables of developer applications and their tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from writ.access.models import EMAIL_MAX_CHARACTERS
from writ.store.base import Base, UtcDateTime, new_id, now


class DeveloperApplication(Base):
    """A program that asks for tokens. `client_secret` is a SHA-256, None where there is no secret to keep."""

    __tablename__ = "developer_applications"
    __table_args__ = (
        CheckConstraint("api_tier IN ('standard', 'premium', 'enterprise')", name="api_tier_known"),
        CheckConstraint(
            "approval_status IN ('pending', 'approved', 'rejected', 'suspended')",
            name="approval_status_known",
        ),
        Index("ix_developer_applications_listed", "organization_id", "created_at", "id"),
        Index(
            "ix_developer_applications_listed_by_status",
            "organization_id",
            "approval_status",
            "created_at",
            "id",
        ),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    application_name: Mapped[str] = mapped_column(String(100))
    application_description: Mapped[str | None] = mapped_column(String(1000))
    application_url: Mapped[str | None] = mapped_column(String(2000))
    contact_email: Mapped[str] = mapped_column(String(EMAIL_MAX_CHARACTERS + 1))
    api_tier: Mapped[str] = mapped_column(String(20), default="standard")
    approval_status: Mapped[str] = mapped_column(String(20), default="pending")
    approved_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), index=True)
    approved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    client_id: Mapped[str] = mapped_column(String(64), unique=True)
    client_secret: Mapped[str | None] = mapped_column(String(64))
    is_confidential: Mapped[bool] = mapped_column(default=True)
    redirect_uris: Mapped[list[Any]] = mapped_column(default=list)
    scopes: Mapped[list[Any]] = mapped_column(default=list)
    grant_types: Mapped[list[Any]] = mapped_column(default=list)
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, onupdate=now)


class OAuthKey(Base):
    """A key that signs access tokens. The private one is sealed; a retired one only verifies."""

    __tablename__ = "oauth_keys"

    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    public_key: Mapped[dict[str, Any]] = mapped_column()
    private_key: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class OAuthGrant(Base):
    """What an application was once granted, and every token that came of it: the family.

    `user_id` is None where the application acts for itself. Revoking it revokes all of its tokens.
    """

    __tablename__ = "oauth_grants"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    application_id: Mapped[UUID] = mapped_column(
        ForeignKey("developer_applications.id", ondelete="CASCADE"), index=True
    )
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    scopes: Mapped[list[Any]] = mapped_column(default=list)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class OAuthRefreshToken(Base):
    """A refresh token, as its SHA-256. Spent ones stay, so that a second use is noticed."""

    __tablename__ = "oauth_refresh_tokens"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    grant_id: Mapped[UUID] = mapped_column(ForeignKey("oauth_grants.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    spent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class OAuthCode(Base):
    """An authorization code, as its SHA-256. `grant_id` is what its one use gave."""

    __tablename__ = "oauth_codes"

    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    application_id: Mapped[UUID] = mapped_column(
        ForeignKey("developer_applications.id", ondelete="CASCADE"), index=True
    )
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    redirect_uri: Mapped[str | None] = mapped_column(String(2000))
    code_challenge: Mapped[str] = mapped_column(String(128))
    scopes: Mapped[list[Any]] = mapped_column(default=list)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    grant_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("oauth_grants.id", ondelete="SET NULL"), index=True
    )
