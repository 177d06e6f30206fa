"""The rules of applications: registered by a developer, approved or not, suspended and approved again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session
from writ_contract.enums import ApprovalStatus
from writ_contract.errors import (
    APPLICATION_HAS_NO_SECRET,
    APPLICATION_NOT_FOUND,
    APPLICATION_WRONG_STATUS,
    AUTH_SCOPE_MISSING,
    FORBIDDEN,
)
from writ_contract.states import APPROVAL_STATUS

from writ.access.oauth.application_reading import read_application
from writ.access.oauth.models import DeveloperApplication as Application
from writ.access.oauth.secrets import CLIENT_SECRET_PREFIX, hash_secret, make_secret
from writ.contract.errors import FieldError, Refusal
from writ.contract.violations import refuse
from writ.events.publish import publish
from writ.gateway.call import Actor
from writ.gateway.callers import organization_of
from writ.store.base import new_id, now


def register_application(session: Session, actor: Actor, body: Mapping[str, Any]) -> tuple[UUID, str | None]:
    """Register an application, which waits for its approval; its id, and its secret if it keeps one.

    Raises Refusal AUTH_SCOPE_MISSING, VALIDATION_ERROR, FORBIDDEN for an application's own token.
    """
    if actor.role == "application":
        raise Refusal(FORBIDDEN, "An application cannot register another one; log in, or use a key.")
    settings = _settings(actor, body)
    application_id = new_id()
    secret = make_secret(CLIENT_SECRET_PREFIX) if settings["is_confidential"] else None
    application = Application(
        id=application_id,
        organization_id=organization_of(actor),
        client_id=f"app_{application_id.hex}",
        client_secret=None if secret is None else hash_secret(secret),
        created_by=actor.id,
        **settings,
    )
    session.add(application)
    _tell(session, application, "application.registered")
    return application_id, secret


def replace_application(
    session: Session, actor: Actor, application_id: UUID, body: Mapping[str, Any]
) -> None:
    """Replace everything that can be set; whether it keeps a secret is decided at registration.

    Raises Refusal APPLICATION_NOT_FOUND, AUTH_SCOPE_MISSING, VALIDATION_ERROR.
    """
    application = _find(session, actor, application_id)
    for name, value in _settings(actor, {**body, "is_confidential": application.is_confidential}).items():
        setattr(application, name, value)
    _tell(session, application, "application.updated")


def set_approval(session: Session, actor: Actor, application_id: UUID, status: str) -> None:
    """Approve, reject or suspend. Once a suspension is committed, every process refuses its tokens.

    Raises Refusal APPLICATION_NOT_FOUND, APPLICATION_WRONG_STATUS, AUTH_SCOPE_MISSING, FORBIDDEN.
    """
    if actor.role == "application":
        raise Refusal(FORBIDDEN, "An application decides about none; log in, or use a key.")
    application = _find(session, actor, application_id)
    if status not in APPROVAL_STATUS[ApprovalStatus(application.approval_status)]:
        raise Refusal(
            APPLICATION_WRONG_STATUS,
            f"The application is {application.approval_status} and cannot become {status}.",
            details={"approval_status": application.approval_status},
        )
    application.approval_status = status
    if status == "approved":
        application.approved_by, application.approved_at = actor.id, now()
    _tell(session, application, f"application.{status}")


def rotate_secret(session: Session, actor: Actor, application_id: UUID) -> str:
    """Put a new secret in the place of the old one, which ends now; the new secret.

    Raises Refusal APPLICATION_NOT_FOUND, APPLICATION_HAS_NO_SECRET, AUTH_SCOPE_MISSING.
    """
    application = _find(session, actor, application_id)
    if not application.is_confidential:
        raise Refusal(APPLICATION_HAS_NO_SECRET)
    secret = make_secret(CLIENT_SECRET_PREFIX)
    application.client_secret = hash_secret(secret)
    _tell(session, application, "application.secret_rotated")
    return secret


def delete_application(session: Session, actor: Actor, application_id: UUID) -> None:
    """Remove an application with all of its tokens.

    Raises Refusal APPLICATION_NOT_FOUND, AUTH_SCOPE_MISSING.
    """
    application = _find(session, actor, application_id)
    _tell(session, application, "application.deleted")
    session.delete(application)


def _find(session: Session, actor: Actor, application_id: UUID) -> Application:
    statement = select(Application).where(
        Application.id == application_id, Application.organization_id == organization_of(actor)
    )
    application = session.scalars(statement.with_for_update()).one_or_none()
    if application is None:
        raise Refusal(APPLICATION_NOT_FOUND)
    _require_scopes(actor, frozenset(application.scopes))
    return application


def _settings(actor: Actor, body: Mapping[str, Any]) -> dict[str, Any]:
    scopes, grants = sorted(set(body["scopes"])), sorted(set(body["grant_types"]))
    confidential: bool = body.get("is_confidential", True)
    uris = list(dict.fromkeys(body.get("redirect_uris", ())))
    faults = []
    if "authorization_code" in grants and not uris:
        faults.append(FieldError("/body/redirect_uris", "required", "authorization_code needs one at least"))
    if "client_credentials" in grants and not confidential:
        faults.append(
            FieldError("/body/grant_types", "client_credentials", "needs an application that keeps a secret")
        )
    if faults:
        raise refuse(faults)
    _require_scopes(actor, frozenset(scopes))
    return {
        "application_name": body["application_name"],
        "application_description": body.get("application_description"),
        "application_url": body.get("application_url"),
        "contact_email": body["contact_email"],
        "api_tier": body.get("api_tier", "standard"),
        "is_confidential": confidential,
        "redirect_uris": uris,
        "scopes": scopes,
        "grant_types": grants,
    }


def _require_scopes(actor: Actor, scopes: frozenset[str]) -> None:
    missing = sorted(scopes - actor.scopes)
    if missing:
        raise Refusal(
            AUTH_SCOPE_MISSING,
            f"The application has or would have the scope {', '.join(missing)}, which your credential does "
            "not have.",
            details={"required_scope": missing},
        )


def _tell(session: Session, application: Application, event_type: str) -> None:
    session.flush()
    publish(
        session,
        event_type,
        organization_id=application.organization_id,
        subject=f"application:{application.id}",
        data=read_application(session, application.organization_id, application.id),
    )
