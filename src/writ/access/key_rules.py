"""The rules of API keys: who may make which, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session
from writ_contract.errors import API_KEY_NOT_ACTIVE, API_KEY_NOT_FOUND, EXPIRY_NOT_AHEAD

from writ.access.key_permissions import is_within, read_permissions, require_permissions
from writ.access.key_secrets import make_secret, seal_secret
from writ.access.key_secrets import secret_of as secret_of
from writ.access.key_text import hash_key, make_key
from writ.access.models import ApiKey
from writ.contract.errors import FieldError, Refusal
from writ.contract.violations import refuse
from writ.gateway.call import Actor
from writ.gateway.callers import organization_of
from writ.store.base import new_id, now
from writ.store.secrets import Sealer

PER_HOUR_OF_TIER = {"standard": 1000, "premium": 5000, "enterprise": 50000}
"""Requests in an hour for each key_type, unless the key's own rate_limits say otherwise."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A key and its secret as they are shown once."""

    id: UUID
    api_key: str
    api_secret: str


def create_key(session: Session, sealer: Sealer, actor: Actor, body: Mapping[str, Any]) -> Shown:
    """Make a key in the actor's organization; nobody can read it or its secret again.

    Raises Refusal AUTH_SCOPE_MISSING, FORBIDDEN, EXPIRY_NOT_AHEAD, PROJECT_UNKNOWN, ENDPOINT_UNKNOWN,
    VALIDATION_ERROR.
    """
    key_id, mode = new_id(), body.get("mode", "live")
    settings = _settings(session, actor, body)
    shown = Shown(key_id, make_key(key_id, mode), make_secret())
    session.add(
        ApiKey(
            id=key_id,
            organization_id=organization_of(actor),
            api_key=hash_key(shown.api_key),
            api_secret=seal_secret(sealer, key_id, shown.api_secret),
            mode=mode,
            created_by=actor.id,
            **settings,
        )
    )
    session.flush()
    return shown


def replace_key(session: Session, actor: Actor, key_id: UUID, body: Mapping[str, Any]) -> None:
    """Replace everything that can be set of a key.

    Raises Refusal API_KEY_NOT_FOUND, API_KEY_NOT_ACTIVE, and what `create_key` raises.
    """
    key = _find_active(session, actor, key_id)
    settings = _settings(session, actor, body)
    if settings["require_signature"] and key.api_secret is None:
        fault = "the key was made before keys had secrets, so nobody could sign; regenerate it first"
        raise refuse([FieldError("/body/require_signature", "no_secret", fault)])
    for name, value in settings.items():
        setattr(key, name, value)


def regenerate_key(session: Session, sealer: Sealer, actor: Actor, key_id: UUID, grace_seconds: int) -> Shown:
    """Put a new key and secret in the place of the old ones, which work for so many seconds more.

    Raises Refusal API_KEY_NOT_FOUND, API_KEY_NOT_ACTIVE, AUTH_SCOPE_MISSING, FORBIDDEN.
    """
    key = _find_active(session, actor, key_id)
    shown = Shown(key_id, make_key(key.id, key.mode), make_secret())
    key.previous_api_key, key.previous_api_secret = key.api_key, key.api_secret
    key.previous_expires_at = now() + timedelta(seconds=grace_seconds)
    key.api_key, key.api_secret = hash_key(shown.api_key), seal_secret(sealer, key_id, shown.api_secret)
    return shown


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


def _find(session: Session, actor: Actor, key_id: UUID) -> ApiKey:
    statement = select(ApiKey).where(ApiKey.id == key_id, ApiKey.organization_id == organization_of(actor))
    key = session.scalars(statement.with_for_update()).one_or_none()
    if key is None or not is_within(actor, key):
        raise Refusal(API_KEY_NOT_FOUND)
    return key


def _find_active(session: Session, actor: Actor, key_id: UUID) -> ApiKey:
    key = _find(session, actor, key_id)
    # Else a key that may only make keys could take the place of one that may do everything.
    require_permissions(actor, key.permissions)
    if not key.is_active:
        raise Refusal(API_KEY_NOT_ACTIVE)
    return key


def _settings(session: Session, actor: Actor, body: Mapping[str, Any]) -> dict[str, Any]:
    key_type, rate_limits = body.get("key_type", "standard"), body.get("rate_limits", {})
    return {
        "key_name": body["key_name"],
        "description": body.get("description"),
        "key_type": key_type,
        "permissions": read_permissions(session, actor, organization_of(actor), body),
        "ip_allowlist": _networks(body.get("ip_allowlist", ())),
        "rate_limits": rate_limits,
        "rate_limit_per_hour": rate_limits.get("per_hour", PER_HOUR_OF_TIER[key_type]),
        "require_signature": body.get("require_signature", False),
        "expires_at": _time_ahead(body.get("expires_at")),
    }


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
