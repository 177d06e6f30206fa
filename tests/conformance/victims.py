"""What destructive operations of a run are let loose on, instead of what the rest of the run stands on.

Each operation of VICTIMS is given something of its own, made right before the call, when it was going to fall
upon the examples' world or upon the run's own user or key; codes, tokens and logins, which are good once, are
made in the same way. The environment says where the product's home is: WRIT_CONFORMANCE_HOME.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.conformance.contract import CONTRACT
from tests.support.world import (
    APPLICATION,
    CLIENT_SECRET,
    CODE_CHALLENGE,
    USER,
)
from writ.access.key_text import read_key
from writ.access.models import DEFAULT_ORGANIZATION_ID, ApiKey, LoginSession, User
from writ.access.oauth.models import DeveloperApplication, OAuthCode, OAuthGrant, OAuthRefreshToken
from writ.access.oauth.secrets import CODE_PREFIX, REFRESH_TOKEN_PREFIX, hash_secret, make_secret
from writ.access.passwords import hash_password
from writ.access.rate_models import RatePolicy
from writ.access.sessions import TOKEN_PREFIX, hash_token
from writ.events.lanes import secret_place
from writ.events.webhook_models import WebhookSubscription
from writ.hosting.models import Backup, Domain, Environment, Node, Site
from writ.settings import Settings
from writ.store.base import new_id, now
from writ.store.secrets import Sealer
from writ.store.work import Store

SETTINGS = Settings(home=Path(os.environ["WRIT_CONFORMANCE_HOME"]))
STORE = Store(SETTINGS.database, pool_size=1)
CREDENTIALS = CONTRACT["components"]["examples"]["CredentialsOfAdmin"]["value"]
SESSION_TOKEN = os.environ["WRIT_SESSION_TOKEN"]
API_KEY = os.environ["WRIT_API_KEY"]

KNOWN = "01890000-0000-7000-8000-"
"""How the ids of the examples' world begin."""

PASSWORD = "the-victim-knows-it"


@cache
def _own() -> frozenset[str]:
    """The ids of what this run itself acts with."""
    key = read_key(API_KEY)
    with STORE.begin() as session:
        return frozenset((str(_owner(session)), str(key.id) if key else ""))


def _owner(session: Session) -> UUID:
    return session.scalars(select(User.id).where(User.email == CREDENTIALS["email"])).one()


def is_needed(thing: object) -> bool:
    """Whether others need what has this id."""
    return str(thing).startswith(KNOWN) or str(thing) in _own()


def stand_in(operation: str) -> str:
    """The id of something fresh for the operation."""
    with STORE.begin() as session:
        return str(VICTIMS[operation](session))


def fresh_code() -> str:
    """A code of the examples' application, for the examples' challenge and redirect URI."""
    code = make_secret(CODE_PREFIX)
    with STORE.begin() as session:
        session.add(
            OAuthCode(
                code_hash=hash_secret(code),
                redirect_uri="https://planner.example.com/callback",
                code_challenge=CODE_CHALLENGE,
                **_granted(),
            )
        )
    return code


def fresh_refresh_token() -> str:
    """A refresh token of the examples' application, of a family of its own."""
    token = make_secret(REFRESH_TOKEN_PREFIX)
    with STORE.begin() as session:
        grant = OAuthGrant(id=new_id(), **_granted())
        session.add(grant)
        session.flush()
        session.add(
            OAuthRefreshToken(token_hash=hash_secret(token), grant_id=grant.id, expires_at=grant.expires_at)
        )
    return token


def fresh_login() -> str:
    """The session token of somebody whose password is PASSWORD."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    with STORE.begin() as session:
        session.add(
            LoginSession(
                user_id=_user(session), token_hash=hash_token(token), expires_at=now() + timedelta(hours=1)
            )
        )
    return token


def _granted() -> dict[str, Any]:
    return {
        "application_id": APPLICATION,
        "user_id": USER,
        "scopes": ["hosting.read", "jobs.read"],
        "expires_at": now() + timedelta(days=1),
    }


def _site(session: Session) -> UUID:
    site = Site(id=new_id(), name="Victim", slug=f"victim-{new_id().hex}", status="active")
    session.add(site)
    session.flush()
    return site.id


def _environment(session: Session) -> UUID:
    victim = Environment(
        id=new_id(),
        site_id=_site(session),
        node_id=session.scalars(select(Node.id)).first(),
        name="Victim",
        slug="production",
        type="production",
        status="active",
        hostname=f"{new_id().hex}.localhost",
    )
    session.add(victim)
    session.flush()
    return victim.id


def _backup(session: Session) -> UUID:
    victim = Backup(id=new_id(), environment_id=_environment(session), backup_scope="full", status="failed")
    session.add(victim)
    return victim.id


def _domain(session: Session) -> UUID:
    victim = Domain(
        id=new_id(),
        environment_id=_environment(session),
        hostname=f"{new_id().hex}.example.test",
        status="active",
    )
    session.add(victim)
    return victim.id


def _api_key(session: Session) -> UUID:
    victim = ApiKey(
        id=new_id(),
        organization_id=DEFAULT_ORGANIZATION_ID,
        key_name="Victim",
        api_key=new_id().hex,
        api_secret="nobody opens it",
        created_by=_owner(session),
    )
    session.add(victim)
    return victim.id


def _rate_policy(session: Session) -> UUID:
    victim = RatePolicy(
        id=new_id(),
        organization_id=DEFAULT_ORGANIZATION_ID,
        subject="application",
        surface="studio",
        rate_class="batch",
        tier="premium",
        amount=10_000_000,
        window_seconds=secrets.randbelow(86_400) + 1,
    )
    session.add(victim)
    return victim.id


@cache
def _password_hash() -> str:
    return hash_password(PASSWORD)


def _user(session: Session) -> UUID:
    victim = User(
        id=new_id(),
        organization_id=DEFAULT_ORGANIZATION_ID,
        email=f"{new_id().hex}@example.com",
        name="Victim",
        role="viewer",
        password_hash=_password_hash(),
    )
    session.add(victim)
    session.flush()
    return victim.id


def _application(session: Session, status: str = "approved") -> UUID:
    victim = DeveloperApplication(
        id=new_id(),
        organization_id=DEFAULT_ORGANIZATION_ID,
        application_name="Victim",
        contact_email="dev@example.com",
        approval_status=status,
        client_id=f"app_{new_id().hex}",
        client_secret=hash_secret(CLIENT_SECRET),
        grant_types=["client_credentials"],
        scopes=["hosting.read"],
        created_by=_owner(session),
    )
    session.add(victim)
    return victim.id


def _webhook(session: Session) -> UUID:
    victim = WebhookSubscription(
        id=new_id(),
        organization_id=DEFAULT_ORGANIZATION_ID,
        created_by=_owner(session),
        webhook_url="https://victim.invalid/writ",
        event_types=["webhook.disabled"],
    )
    victim.secret_key = Sealer(SETTINGS.secret()).seal_text("the-victim-signs", secret_place(victim.id))
    session.add(victim)
    return victim.id


VICTIMS: dict[str, Callable[[Session], UUID]] = {
    "delete_site": _site,
    "delete_environment": _environment,
    "delete_backup": _backup,
    "delete_domain": _domain,
    "replace_api_key": _api_key,
    "delete_api_key": _api_key,
    "regenerate_api_key": _api_key,
    "revoke_api_key": _api_key,
    "delete_rate_policy": _rate_policy,
    "replace_user": _user,
    "delete_user": _user,
    "replace_application": _application,
    "delete_application": _application,
    "approve_application": partial(_application, status="pending"),
    "reject_application": partial(_application, status="pending"),
    "suspend_application": _application,
    "rotate_application_secret": _application,
    "replace_webhook": _webhook,
    "delete_webhook": _webhook,
    "rotate_webhook_secret": _webhook,
}
