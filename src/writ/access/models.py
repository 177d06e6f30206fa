"""Tables of people, their sessions, and the count of wrong passwords."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from writ.store.base import Base, UtcDateTime, new_id, now

EMAIL_MAX_CHARACTERS = 254
"""The longest address that fits into an SMTP path (RFC 5321, 4.5.3.1.3), as in the contract."""

USER_AGENT_MAX_CHARACTERS = 200


class User(Base):
    """A person who can log in. The e-mail is kept as `passwords.normalise_email` returns it."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("role IN ('owner')", name="role_known"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(String(EMAIL_MAX_CHARACTERS), unique=True)
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


class LoginAttempts(Base):
    """How often a login failed for one subject: an e-mail or a network address, kept as a keyed hash."""

    __tablename__ = "login_attempts"

    subject: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int]
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    blocked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
