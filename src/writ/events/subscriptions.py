"""The rules of webhooks: who may hear what, where it may be sent, and with which secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session
from writ_contract.errors import URL_NOT_ALLOWED, WEBHOOK_NOT_FOUND

from writ.contract.errors import FieldError, Refusal
from writ.contract.violations import refuse
from writ.events.disabling import REQUESTED_REASON, disable_one
from writ.events.lanes import secret_place
from writ.events.retry import DEFAULT_MAX_ATTEMPTS
from writ.events.signing import Signer, make_secret
from writ.events.subscription_reading import visible_to
from writ.events.types import expand_types
from writ.events.webhook_models import WebhookSubscription
from writ.gateway.call import Actor
from writ.gateway.callers import organization_of
from writ.outgoing.guard import Network, parse_url
from writ.store.base import new_id, now
from writ.store.secrets import Sealer

GRACE_SECONDS = 86_400
"""How long the secret before signs too after a rotation, unless said otherwise."""

APPLICATION_PER_SECOND = 16
"""The most deliveries a second to a webhook of an application: just under 1,000 a minute."""

_SPELLINGS = {"webhook_url": "url", "event_types": "events", "secret_key": "secret"}
"""The two names that each of these fields has."""


def create_webhook(
    session: Session, actor: Actor, sealer: Sealer, trusted: tuple[Network, ...], body: Mapping[str, Any]
) -> tuple[UUID, str]:
    """Make a subscription in the caller's organization; its id and its secret, which is shown this once.

    Raises Refusal VALIDATION_ERROR, URL_NOT_ALLOWED, EVENT_TYPE_UNKNOWN.
    """
    body = one_spelling(body)
    webhook_id, secret = new_id(), body.get("secret_key") or make_secret()
    session.add(
        WebhookSubscription(
            id=webhook_id,
            organization_id=organization_of(actor),
            api_key_id=actor.key_id,
            created_by=actor.id,
            secret_key=sealer.seal_text(secret, secret_place(webhook_id)),
            **_settings(actor, trusted, body),
        )
    )
    session.flush()
    return webhook_id, secret


def replace_webhook(
    session: Session, actor: Actor, trusted: tuple[Network, ...], webhook_id: UUID, body: Mapping[str, Any]
) -> None:
    """Replace everything that can be set but the secret; what is left out gets its default.

    A webhook that was disabled and is to be active begins anew: what waits for it is sent.

    Raises Refusal WEBHOOK_NOT_FOUND, VALIDATION_ERROR, URL_NOT_ALLOWED, EVENT_TYPE_UNKNOWN.
    """
    webhook = find_webhook(session, actor, webhook_id)
    settings = _settings(actor, trusted, one_spelling(body))
    active, was_active = settings.pop("is_active"), webhook.is_active
    for name, value in settings.items():
        setattr(webhook, name, value)
    webhook.version += 1
    webhook.updated_at = now()
    if was_active and not active:
        disable_one(session, webhook, REQUESTED_REASON)
    elif active and not was_active:
        webhook.is_active = True
        webhook.disabled_at = webhook.disabled_reason = webhook.first_failure_at = None


def delete_webhook(session: Session, actor: Actor, webhook_id: UUID) -> None:
    """Remove a subscription; its deliveries go little by little. Raises Refusal WEBHOOK_NOT_FOUND."""
    webhook = find_webhook(session, actor, webhook_id)
    webhook.deleted_at, webhook.is_active = now(), False
    webhook.version += 1


def rotate_secret(
    session: Session, actor: Actor, sealer: Sealer, webhook_id: UUID, body: Mapping[str, Any]
) -> str:
    """Put a new secret in the place of the old one, which signs too for `grace_seconds`; the new secret.

    Raises Refusal WEBHOOK_NOT_FOUND, VALIDATION_ERROR.
    """
    body = one_spelling(body, required=())
    webhook = find_webhook(session, actor, webhook_id)
    secret: str = body.get("secret_key") or make_secret()
    grace = body.get("grace_seconds", GRACE_SECONDS)
    webhook.previous_secret = webhook.secret_key if grace else None
    webhook.previous_secret_expires_at = now() + timedelta(seconds=grace) if grace else None
    webhook.secret_key = sealer.seal_text(secret, secret_place(webhook.id))
    webhook.version += 1
    webhook.updated_at = now()
    return secret


def signer_of(
    sealer: Sealer, webhook_id: UUID, secret: str, previous: str | None, until: datetime | None
) -> Signer:
    """Signs under the sealed secrets of a webhook: the one before only until its time is over.

    Raises SealBroken.
    """
    place, before = secret_place(webhook_id), None
    if previous is not None and until is not None and until > now():
        before = sealer.open_text(previous, place)
    return Signer(sealer.open_text(secret, place), before)


def find_webhook(session: Session, actor: Actor, webhook_id: UUID) -> WebhookSubscription:
    """A subscription that the caller sees, locked. Raises Refusal WEBHOOK_NOT_FOUND."""
    statement = select(WebhookSubscription).where(
        WebhookSubscription.id == webhook_id,
        WebhookSubscription.deleted_at.is_(None),
        *visible_to(actor, session.get_bind().dialect.name),
    )
    webhook = session.scalars(statement.with_for_update()).one_or_none()
    if webhook is None:
        raise Refusal(WEBHOOK_NOT_FOUND)
    return webhook


def one_spelling(
    body: Mapping[str, Any], required: tuple[str, ...] = ("webhook_url", "event_types")
) -> dict[str, Any]:
    """The body with one name for each field.

    Raises Refusal VALIDATION_ERROR for none, or both, of two names.
    """
    found, faults = dict(body), []
    for name, other in _SPELLINGS.items():
        if other in found:
            if name in found:
                faults.append(FieldError(f"/body/{other}", "oneOf", f"is {name} by another name; send one"))
            found[name] = found.pop(other)
        elif name in required and name not in found:
            faults.append(FieldError(f"/body/{name}", "required", f"is required ({other} is its other name)"))
    if faults:
        raise refuse(faults)
    return found


def check_types(patterns: Iterable[str], name: str) -> frozenset[str]:
    """The types that the patterns of the body's field `name` stand for.

    Raises Refusal EVENT_TYPE_UNKNOWN with the place of the first that stands for none.
    """
    found: frozenset[str] = frozenset()
    for at, pattern in enumerate(patterns):
        found |= expand_types([pattern], field=f"/body/{name}/{at}")
    return found


def _settings(actor: Actor, trusted: tuple[Network, ...], body: Mapping[str, Any]) -> dict[str, Any]:
    _check_url(body["webhook_url"], trusted)
    check_types(body["event_types"], "event_types")
    policy = {
        "max_attempts": DEFAULT_MAX_ATTEMPTS,
        "backoff": "exponential",
        **(body.get("retry_policy") or {}),
    }
    return {
        "webhook_url": body["webhook_url"],
        "description": body.get("description"),
        "event_types": list(dict.fromkeys(body["event_types"])),
        "filters": _filters(actor, body.get("filters") or {}),
        "is_active": body.get("is_active", True),
        "ordered": body.get("ordered", False),
        "max_per_second": _pace(actor, body.get("max_per_second")),
        "retry_policy": policy,
    }


def _pace(actor: Actor, wanted: int | None) -> int | None:
    if actor.application_id is None:
        return wanted
    if wanted is not None and wanted > APPLICATION_PER_SECOND:
        message = f"is above {APPLICATION_PER_SECOND}, the most for a webhook of an application"
        raise refuse([FieldError("/body/max_per_second", "maximum", message)])
    return wanted or APPLICATION_PER_SECOND


def _check_url(url: str, trusted: tuple[Network, ...]) -> None:
    try:
        target = parse_url(url, trusted, plain=True)
    except Refusal as refusal:
        raise Refusal(URL_NOT_ALLOWED, refusal.message, field="/body/webhook_url") from None
    if target.userinfo is not None:
        raise Refusal(
            URL_NOT_ALLOWED,
            "The URL holds a user or a password, which anybody could read who sees the webhook. Leave them"
            " out: deliveries are signed.",
            field="/body/webhook_url",
        )


def _filters(actor: Actor, filters: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in filters.items() if value is not None}
    if actor.projects is None:
        return found
    mine = {str(project) for project in actor.projects}
    wanted = found.get("project_ids")
    foreign = [at for at, project in enumerate(wanted or ()) if str(project) not in mine]
    if foreign:
        raise refuse(
            [
                FieldError(f"/body/filters/project_ids/{at}", "enum", "is no project of this key")
                for at in foreign
            ]
        )
    found["project_ids"] = sorted(mine) if wanted is None else wanted
    return found
