"""The first admin, and the way back in for whoever forgot the password."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

import structlog
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from writ.access.login import purge
from writ.access.models import EMAIL_MAX_CHARACTERS, User
from writ.access.passwords import hash_password, normalise_email
from writ.access.sessions import revoke_sessions_of
from writ.access.throttle import forget_attempts, subjects_of
from writ.settings import Settings
from writ.store.base import now
from writ.store.work import Store

log = structlog.get_logger(__name__)

_SHORT_PASSWORD = 12
# As in the contract: who could not log in is not made.
_EMAIL = re.compile(r"[^\x00-\x20\x7f@]+@[^\x00-\x20\x7f@]+")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the admin logs in with. `generated` says that nobody else knows the password: show it once."""

    email: str
    password: str = field(repr=False)
    generated: bool


def ensure_admin(store: Store, settings: Settings) -> Credentials | None:
    """Make the admin when there is no user yet, and return the credentials; None when there is one.

    Safe when several processes start at once: one of them gets the credentials. WRIT_ADMIN_EMAIL and
    WRIT_ADMIN_PASSWORD count only then; afterwards `reset_password` changes the password. Raises ValueError
    when one of the two cannot be used. Also deletes expired sessions.
    """
    with store.begin() as session:
        purge(session)
        if _users_exist(session):
            return None
    given = settings.admin_password.get_secret_value() if settings.admin_password else ""
    password = given or secrets.token_urlsafe(18)
    email = _usable_email(settings.admin_email)
    password_hash = _hash(password)
    with store.begin() as session:
        _one_at_a_time(session)
        if _users_exist(session):
            return None
        session.add(User(email=email, password_hash=password_hash))
    if len(password) < _SHORT_PASSWORD:
        log.warning("admin_password_is_short", advice=f"use {_SHORT_PASSWORD} characters or more")
    return Credentials(email=email, password=password, generated=not given)


def reset_password(store: Store, settings: Settings, email: str, password: str) -> bool:
    """Set the password of the user with that e-mail and end all of their sessions; False when there is none.

    Also lifts the wait that wrong passwords for this e-mail have earned. Raises ValueError for a password
    that is empty or too long.
    """
    email = normalise_email(email)
    password_hash = hash_password(password)
    with store.begin() as session:
        user_id = session.execute(
            update(User)
            .where(User.email == email)
            .values(password_hash=password_hash, updated_at=now())
            .returning(User.id)
        ).scalar_one_or_none()
        if user_id is None:
            return False
        revoke_sessions_of(session, user_id)
        forget_attempts(session, subjects_of(email, None, settings.secret()))
    return True


def _users_exist(session: Session) -> bool:
    return bool(session.execute(select(func.count()).select_from(User)).scalar_one())


def _one_at_a_time(session: Session) -> None:
    # SQLite has one writer at a time anyway. On PostgreSQL this waits for another start-up; reads pass.
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE"))


def _usable_email(email: str) -> str:
    email = normalise_email(email)
    if len(email) > EMAIL_MAX_CHARACTERS or not _EMAIL.fullmatch(email):
        raise ValueError(f"WRIT_ADMIN_EMAIL is not an e-mail address: {email!r}")
    return email


def _hash(password: str) -> str:
    try:
        return hash_password(password)
    except ValueError as error:
        raise ValueError(f"WRIT_ADMIN_PASSWORD cannot be used: {error}") from None
