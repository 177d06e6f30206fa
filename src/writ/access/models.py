"""Tables of organizations, people, their sessions and keys, and the count of wrong passwords."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from writ.store.base import DEFAULT_ORGANIZATION_ID as DEFAULT_ORGANIZATION_ID
from writ.store.base import Base, UtcDateTime, new_id, now

EMAIL_MAX_CHARACTERS = 254
"""The longest address that fits into an SMTP path (RFC 5321, 4.5.3.1.3), as in the contract."""

USER_AGENT_MAX_CHARACTERS = 200


class Organization(Base):
    """Who keys, and what people make, belong to."""

    __tablename__ = "organizations"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class User(Base):
    """A person who can log in, unless `status` is inactive. The e-mail is kept as `passwords.normalise_email`
    returns it.
    """

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("role IN ('owner', 'admin', 'creator', 'reviewer', 'viewer')", name="role_known"),
        CheckConstraint("status IN ('active', 'inactive')", name="status_known"),
        Index("ix_users_organization_id_created_at_id", "organization_id", "created_at", "id"),
        Index("ix_users_organization_id_role_created_at_id", "organization_id", "role", "created_at", "id"),
        Index(
            "ix_users_organization_id_status_created_at_id", "organization_id", "status", "created_at", "id"
        ),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id"), default=DEFAULT_ORGANIZATION_ID
    )
    email: Mapped[str] = mapped_column(String(EMAIL_MAX_CHARACTERS), unique=True)
    name: Mapped[str | None] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(20), default="active")
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(20), default="owner")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, onupdate=now)


class LoginSession(Base):
    """A logged-in browser or client. Holds the SHA-256 of its token, never the token.

    It has no "last seen" column: that would be one write for every request.
    """

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    user_agent: Mapped[str | None] = mapped_column(String(USER_AGENT_MAX_CHARACTERS))


class ApiKey(Base):
    """What a program calls with. Holds the SHA-256 of the key, never the key (see `key_text` for its form).

    `permissions` holds its `scopes`, the `projects` that it is confined to (ids as text; without it to none)
    and the `endpoints` that are forbidden to it ("METHOD /path": false). `api_secret`, which requests are
    signed with, is sealed (see `key_secrets`); keys that were made before there were secrets have none.
    After a regeneration `previous_api_key` and `previous_api_secret` are those before, which are good until
    `previous_expires_at`. `rate_limit_per_hour` is that of `rate_limits`, or of the tier. `last_used_at` is
    exact to the minute.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("mode IN ('live', 'test')", name="mode_known"),
        CheckConstraint("key_type IN ('standard', 'premium', 'enterprise')", name="key_type_known"),
        Index("ix_api_keys_organization_id_created_at_id", "organization_id", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    key_name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str | None] = mapped_column(String(1000))
    api_key: Mapped[str] = mapped_column(String(128), unique=True)
    previous_api_key: Mapped[str | None] = mapped_column(String(128))
    api_secret: Mapped[str | None] = mapped_column(String(128))
    previous_api_secret: Mapped[str | None] = mapped_column(String(128))
    previous_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    mode: Mapped[str] = mapped_column(String(8), default="live")
    key_type: Mapped[str] = mapped_column(String(20), default="standard")
    permissions: Mapped[dict[str, Any]] = mapped_column(default=lambda: {"scopes": []})
    ip_allowlist: Mapped[list[Any]] = mapped_column(default=list)
    rate_limits: Mapped[dict[str, Any]] = mapped_column(default=dict)
    rate_limit_per_hour: Mapped[int] = mapped_column(default=1000)
    require_signature: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class LoginAttempts(Base):
    """How often a login failed for one subject: an e-mail or a network address, kept as a keyed hash."""

    __tablename__ = "login_attempts"

    subject: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int]
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    blocked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
