"""A login: the password is checked outside of every transaction, then the session is opened in one.

`check_credentials` comes first and uses units of work of its own: it must run before the request's unit is
opened, because on SQLite there is one writer at a time, and argon2 is too slow to hold that place.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from writ_contract.errors import INVALID_CREDENTIALS

from writ.access import passwords, throttle
from writ.access.models import EMAIL_MAX_CHARACTERS, User
from writ.access.sessions import create_session, purge_sessions
from writ.contract.errors import Refusal
from writ.settings import Settings
from writ.store.base import now
from writ.store.work import Store


@dataclass(frozen=True, slots=True)
class Proof:
    """That somebody knew a user's password a moment ago."""

    user_id: UUID
    password_hash: str
    new_hash: str | None
    subjects: tuple[str, ...]


def check_credentials(
    store: Store, settings: Settings, email: str, password: str, address: str | None
) -> Proof:
    """Check e-mail and password; `address` is the caller's network address.

    Raises Refusal INVALID_CREDENTIALS, the same whether the e-mail exists or not or its user is inactive, and
    RATE_LIMITED with Retry-After when there were too many wrong ones (see `throttle`).
    """
    email = passwords.normalise_email(email)
    subjects = throttle.subjects_of(email, address, settings.secret())
    throttle.count_attempt(store, subjects)
    user_id, password_hash = _find(store, email)
    if not passwords.verify_password(password_hash, password) or user_id is None or password_hash is None:
        raise Refusal(INVALID_CREDENTIALS)
    new_hash = passwords.hash_password(password) if passwords.needs_rehash(password_hash) else None
    return Proof(user_id, password_hash, new_hash, subjects)


def log_in(session: Session, proof: Proof, settings: Settings, user_agent: str | None = None) -> str:
    """Open a session for whoever gave the proof and return its token.

    Raises Refusal INVALID_CREDENTIALS when the password was changed since the proof, or the user
    was deactivated.
    """
    # Locks the row: a password reset either sees this session and ends it, or came first and is seen here.
    current = session.execute(
        select(User.id)
        .where(User.id == proof.user_id, User.password_hash == proof.password_hash, User.status == "active")
        .with_for_update()
    ).first()
    if current is None:
        raise Refusal(INVALID_CREDENTIALS)
    if proof.new_hash is not None:
        session.execute(
            update(User)
            .where(User.id == proof.user_id)
            .values(password_hash=proof.new_hash, updated_at=now())
        )
    throttle.forget_attempts(session, proof.subjects)
    purge(session)
    return create_session(session, proof.user_id, settings, user_agent)


def purge(session: Session) -> int:
    """Delete expired sessions and forgotten login attempts, and return how many rows."""
    return purge_sessions(session) + throttle.purge_attempts(session)


def _find(store: Store, email: str) -> tuple[UUID | None, str | None]:
    if len(email) > EMAIL_MAX_CHARACTERS or "\0" in email:
        return None, None
    with store.read() as connection:
        row = connection.execute(
            select(User.id, User.password_hash).where(User.email == email, User.status == "active")
        ).first()
    return (row.id, row.password_hash) if row else (None, None)
