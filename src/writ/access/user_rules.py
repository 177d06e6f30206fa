"""The rules of users: who may make, change and deactivate whom.

Nobody gives a role above their own, or touches a user whose role is above it; and nobody gives or takes what
their credential itself lacks, so that a key which may only manage users makes no owner. The last active owner
of an organization stays one.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from writ_contract.errors import (
    AUTH_SCOPE_MISSING,
    EMAIL_TAKEN,
    FORBIDDEN,
    INVALID_CREDENTIALS,
    LAST_OWNER,
    ROLE_TOO_HIGH,
    USER_NOT_FOUND,
)

from writ.access.login import Proof
from writ.access.models import User
from writ.access.oauth.grants import revoke_grants_of
from writ.access.passwords import hash_password, normalise_email
from writ.access.roles import SCOPES_OF_ROLE, rank
from writ.access.sessions import revoke_sessions_of
from writ.access.throttle import forget_attempts
from writ.access.user_reading import read_user
from writ.contract.errors import Refusal
from writ.events.publish import publish
from writ.gateway.call import Actor
from writ.gateway.callers import organization_of
from writ.store.base import new_id, now


def make_password(given: str | None) -> tuple[str, str | None]:
    """The hash of the password, and the password itself if it was made here because none was given.

    To be called before a unit of work is open: argon2 is too slow to hold a place in the line of writers.
    """
    password = secrets.token_urlsafe(18) if given is None else given
    return hash_password(password), password if given is None else None


def create_user(session: Session, actor: Actor, body: Mapping[str, Any], password_hash: str) -> UUID:
    """Make a user in the actor's organization and return the id.

    Raises Refusal ROLE_TOO_HIGH, AUTH_SCOPE_MISSING, EMAIL_TAKEN.
    """
    _require_reach(actor, body["role"])
    user = User(
        id=new_id(),
        organization_id=organization_of(actor),
        email=normalise_email(body["email"]),
        name=body.get("name"),
        role=body["role"],
        password_hash=password_hash,
    )
    session.add(user)
    _flush(session)
    _tell(session, user, "user.created")
    return user.id


def replace_user(session: Session, actor: Actor, user_id: UUID, body: Mapping[str, Any]) -> None:
    """Replace e-mail, name, role and status of a user; an inactive one ends as by `deactivate_user`.

    Raises Refusal USER_NOT_FOUND, ROLE_TOO_HIGH, AUTH_SCOPE_MISSING, LAST_OWNER, EMAIL_TAKEN.
    """
    user = _find(session, actor, user_id)
    role, status = body["role"], body.get("status", "active")
    if role != user.role:
        _require_reach(actor, role)
    if (role, status) != ("owner", "active"):
        _keep_an_owner(session, user)
    ends = user.status == "active" != status
    user.email, user.name = normalise_email(body["email"]), body.get("name")
    user.role, user.status = role, status
    _flush(session)
    if ends:
        _end(session, user.id)
    _tell(session, user, "user.deactivated" if ends else "user.updated")


def deactivate_user(session: Session, actor: Actor, user_id: UUID) -> None:
    """Deactivate a user: once committed, every process refuses their sessions, keys and tokens.

    The row stays, because what they did refers to it. Raises Refusal USER_NOT_FOUND, ROLE_TOO_HIGH,
    AUTH_SCOPE_MISSING, LAST_OWNER.
    """
    user = _find(session, actor, user_id)
    _keep_an_owner(session, user)
    if user.status == "active":
        user.status = "inactive"
        session.flush()
        _end(session, user.id)
        _tell(session, user, "user.deactivated")


def require_login(actor: Actor) -> UUID:
    """The session of the actor's login. Raises Refusal FORBIDDEN for keys and tokens."""
    if actor.session_id is None:
        raise Refusal(FORBIDDEN, "Only somebody who is logged in can do this; keys and tokens cannot.")
    return actor.session_id


def change_password(session: Session, actor: Actor, proof: Proof, password_hash: str) -> None:
    """Set the actor's password and end their other sessions; `proof` is of the old password.

    Raises Refusal INVALID_CREDENTIALS when the password was changed since the proof.
    """
    changed = session.execute(
        update(User)
        .where(User.id == proof.user_id, User.password_hash == proof.password_hash)
        .values(password_hash=password_hash, updated_at=now())
        .returning(User.id)
    ).first()
    if changed is None:
        raise Refusal(INVALID_CREDENTIALS)
    revoke_sessions_of(session, actor.id, but=require_login(actor))
    forget_attempts(session, proof.subjects)


def _find(session: Session, actor: Actor, user_id: UUID) -> User:
    statement = select(User).where(User.id == user_id, User.organization_id == organization_of(actor))
    user = session.scalars(statement.with_for_update()).one_or_none()
    if user is None:
        raise Refusal(USER_NOT_FOUND)
    _require_reach(actor, user.role)
    return user


def _require_reach(actor: Actor, role: str) -> None:
    if rank(role) > rank(actor.role):
        raise Refusal(
            ROLE_TOO_HIGH, f"The role {role} is above yours, {actor.role}; ask somebody who has it."
        )
    missing = sorted(SCOPES_OF_ROLE[role] - actor.scopes)
    if missing:
        raise Refusal(
            AUTH_SCOPE_MISSING,
            f"The role {role} has the scope {', '.join(missing)}, which your credential does not have.",
            details={"required_scope": missing},
        )


def _keep_an_owner(session: Session, user: User) -> None:
    if user.role != "owner" or user.status != "active":
        return
    # All owners are locked, in one order: two who demote each other at once stand in line.
    owners = select(User.id).where(
        User.organization_id == user.organization_id, User.role == "owner", User.status == "active"
    )
    if session.scalars(owners.order_by(User.id).with_for_update()).all() == [user.id]:
        raise Refusal(LAST_OWNER)


def _end(session: Session, user_id: UUID) -> None:
    revoke_sessions_of(session, user_id)
    revoke_grants_of(session, user_id)


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise Refusal(EMAIL_TAKEN, field="/body/email") from None


def _tell(session: Session, user: User, event_type: str) -> None:
    publish(
        session,
        event_type,
        organization_id=user.organization_id,
        subject=f"user:{user.id}",
        data=read_user(session, user.organization_id, user.id),
    )
