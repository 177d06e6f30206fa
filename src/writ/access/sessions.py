"""Sessions: made at login, looked up at every request, revoked by logout."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, select, update
from sqlalchemy.orm import Session

from writ.access.models import USER_AGENT_MAX_CHARACTERS, LoginSession, User
from writ.access.roles import SCOPES_OF_ROLE
from writ.gateway.call import Actor
from writ.settings import Settings
from writ.store.base import now
from writ.store.prepared import Prepared

TOKEN_PREFIX = "ws_"  # noqa: S105  (what a secret scanner recognises a leaked token by)
_TOKEN_BYTES = 32
_TOKEN_LENGTH = len(TOKEN_PREFIX) + 43  # 32 bytes in base64url without padding

# On the path of every request: built once, and only columns.
_FIND = Prepared(
    select(LoginSession.id, User.id, User.email, User.role, User.organization_id)
    .join(User, User.id == LoginSession.user_id)
    .where(
        LoginSession.token_hash == bindparam("token_hash"),
        LoginSession.revoked_at.is_(None),
        LoginSession.expires_at > bindparam("at"),
        User.status == "active",
    )
)


def create_session(session: Session, user_id: UUID, settings: Settings, user_agent: str | None = None) -> str:
    """Open a session for the user, valid for `settings.session_hours`, and return its token.

    The token exists only in the answer: the database keeps its SHA-256, which for 256 random bits is as safe
    as a slow hash and costs a microsecond.
    """
    token = TOKEN_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)
    created = now()
    session.add(
        LoginSession(
            user_id=user_id,
            token_hash=hash_token(token),
            created_at=created,
            expires_at=created + timedelta(hours=settings.session_hours),
            user_agent=_printable(user_agent),
        )
    )
    session.flush()
    return token


def find_session(connection: Connection, token: str) -> Actor | None:
    """Whose token this is; None when it is unknown, revoked or expired. One select, no write."""
    if len(token) != _TOKEN_LENGTH or not token.startswith(TOKEN_PREFIX):
        return None
    row = _FIND.first(connection, {"token_hash": hash_token(token), "at": now()})
    if row is None:
        return None
    return _as_actor(*row)


def actor_of(session: Session, user_id: UUID) -> Actor:
    """The user as a caller whose session is just being made: what a login is recorded under.

    Raises NoResultFound when there is no such user.
    """
    wanted = select(User.email, User.role, User.organization_id).where(User.id == user_id)
    return _as_actor(None, user_id, *session.execute(wanted).one())


def revoke_session(session: Session, session_id: UUID) -> bool:
    """End the session; False when it had ended before."""
    return _revoke(session, LoginSession.id == session_id) == 1


def revoke_sessions_of(session: Session, user_id: UUID, but: UUID | None = None) -> int:
    """End every session of the user, `but` for one, and return how many were open."""
    whose = LoginSession.user_id == user_id
    return _revoke(session, whose if but is None else and_(whose, LoginSession.id != but))


def purge_sessions(session: Session) -> int:
    """Delete the sessions whose time is over, revoked or not, and return how many."""
    # A row that another unit holds is skipped (PostgreSQL): two purges at once must not wait for each other.
    over = select(LoginSession.id).where(LoginSession.expires_at <= now()).with_for_update(skip_locked=True)
    gone = delete(LoginSession).where(LoginSession.id.in_(over.scalar_subquery()))
    return len(session.execute(gone.returning(LoginSession.id)).all())


def _as_actor(session_id: UUID | None, user_id: UUID, email: str, role: str, organization_id: UUID) -> Actor:
    return Actor(
        id=user_id,
        kind="session",
        email=email,
        role=role,
        scopes=SCOPES_OF_ROLE[role],
        session_id=session_id,
        organization_id=organization_id,
    )


def hash_token(token: str) -> str:
    """SHA-256 of the token, in hexadecimal."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _revoke(session: Session, whose: ColumnElement[bool]) -> int:
    ended = update(LoginSession).where(whose, LoginSession.revoked_at.is_(None)).values(revoked_at=now())
    return len(session.execute(ended.returning(LoginSession.id)).all())


def _printable(user_agent: str | None) -> str | None:
    # A person reads it in a list of sessions; PostgreSQL refuses NUL in text.
    if user_agent is None:
        return None
    return "".join(c if c.isprintable() else " " for c in user_agent[:USER_AGENT_MAX_CHARACTERS])
