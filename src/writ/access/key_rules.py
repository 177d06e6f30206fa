"""The rules of API keys: who may make which, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session
from writ_contract.errors import (
    API_KEY_NOT_ACTIVE,
    API_KEY_NOT_FOUND,
    AUTH_SCOPE_MISSING,
    EXPIRY_NOT_AHEAD,
    UNAUTHORIZED,
)

from writ.access.key_text import hash_key, make_key
from writ.access.models import ApiKey
from writ.access.roles import SCOPES_OF_PRESET
from writ.contract.errors import FieldError, Refusal
from writ.contract.violations import refuse
from writ.gateway.call import Actor
from writ.store.base import new_id, now


def create_key(session: Session, actor: Actor, body: Mapping[str, Any]) -> tuple[UUID, str]:
    """Make a key in the actor's organization; its id, and the key itself, which nobody can read again.

    Raises Refusal AUTH_SCOPE_MISSING, EXPIRY_NOT_AHEAD, VALIDATION_ERROR.
    """
    key_id, mode = new_id(), body.get("mode", "live")
    settings = _settings(actor, body)
    text = make_key(key_id, mode)
    session.add(
        ApiKey(
            id=key_id,
            organization_id=organization_of(actor),
            api_key=hash_key(text),
            mode=mode,
            created_by=actor.id,
            **settings,
        )
    )
    session.flush()
    return key_id, text


def replace_key(session: Session, actor: Actor, key_id: UUID, body: Mapping[str, Any]) -> None:
    """Replace everything that can be set of a key.

    Raises Refusal API_KEY_NOT_FOUND, API_KEY_NOT_ACTIVE, AUTH_SCOPE_MISSING, EXPIRY_NOT_AHEAD,
    VALIDATION_ERROR.
    """
    key = _find_active(session, actor, key_id)
    for name, value in _settings(actor, body).items():
        setattr(key, name, value)


def regenerate_key(session: Session, actor: Actor, key_id: UUID, grace_seconds: int) -> str:
    """Put a new key in the place of the old one, which works for so many seconds more; the new key.

    Raises Refusal API_KEY_NOT_FOUND, API_KEY_NOT_ACTIVE, AUTH_SCOPE_MISSING.
    """
    key = _find_active(session, actor, key_id)
    text = make_key(key.id, key.mode)
    key.previous_api_key = key.api_key
    key.previous_expires_at = now() + timedelta(seconds=grace_seconds)
    key.api_key = hash_key(text)
    return text


def revoke_key(session: Session, actor: Actor, key_id: UUID) -> None:
    """End a key, and the one before it. Once committed, every process refuses them.

    Raises Refusal API_KEY_NOT_FOUND.
    """
    key = _find(session, actor, key_id)
    if key.is_active:
        key.is_active, key.revoked_at = False, now()


def delete_key(session: Session, actor: Actor, key_id: UUID) -> None:
    """Remove a key. Raises Refusal API_KEY_NOT_FOUND."""
    session.delete(_find(session, actor, key_id))


def organization_of(actor: Actor) -> UUID:
    """The actor's organization. Raises Refusal UNAUTHORIZED when there is none, as for no caller of ours."""
    if actor.organization_id is None:
        raise Refusal(UNAUTHORIZED)
    return actor.organization_id


def _find(session: Session, actor: Actor, key_id: UUID) -> ApiKey:
    statement = select(ApiKey).where(ApiKey.id == key_id, ApiKey.organization_id == organization_of(actor))
    key = session.scalars(statement.with_for_update()).one_or_none()
    if key is None:
        raise Refusal(API_KEY_NOT_FOUND)
    return key


def _find_active(session: Session, actor: Actor, key_id: UUID) -> ApiKey:
    key = _find(session, actor, key_id)
    # Else a key that may only make keys could take the place of one that may do everything.
    _require_scopes(actor, frozenset(key.permissions["scopes"]))
    if not key.is_active:
        raise Refusal(API_KEY_NOT_ACTIVE)
    return key


def _settings(actor: Actor, body: Mapping[str, Any]) -> dict[str, Any]:
    scopes = frozenset(body.get("scopes", ())) | SCOPES_OF_PRESET.get(body.get("preset", ""), frozenset())
    _require_scopes(actor, scopes)
    return {
        "key_name": body["key_name"],
        "description": body.get("description"),
        "key_type": body.get("key_type", "standard"),
        "permissions": {"scopes": sorted(scopes)},
        "ip_allowlist": _networks(body.get("ip_allowlist", ())),
        "expires_at": _time_ahead(body.get("expires_at")),
    }


def _require_scopes(actor: Actor, scopes: frozenset[str]) -> None:
    missing = sorted(scopes - actor.scopes)
    if missing:
        raise Refusal(
            AUTH_SCOPE_MISSING,
            f"The key has or would have the scope {', '.join(missing)}, which your credential does not have.",
            details={"required_scope": missing},
        )


def _networks(texts: list[str]) -> list[str]:
    networks: dict[str, None] = {}
    faults = []
    for at, text in enumerate(texts):
        try:
            networks[str(ip_network(text, strict=False))] = None
        except ValueError:
            faults.append(FieldError(f"/body/ip_allowlist/{at}", "format", "is no address and no CIDR"))
    if faults:
        raise refuse(faults)
    return list(networks)


def _time_ahead(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment <= now():
        raise Refusal(EXPIRY_NOT_AHEAD, field="/body/expires_at")
    return moment
