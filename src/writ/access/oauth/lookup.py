"""Whose token is this? On the path of every request that brings one.

The signature is verified with a key that the process knows; then one select says whether what was granted
still holds, so that what is revoked or suspended is refused at the very next request, in every process.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from joserfc import jws, jwt
from joserfc.errors import JoseError
from sqlalchemy import Connection, bindparam, select
from writ_contract.errors import TOKEN_EXPIRED, TOKEN_INVALID, TOKEN_REVOKED

from writ.access.models import User
from writ.access.oauth.keys import ALGORITHM, PublicKeys
from writ.access.oauth.models import DeveloperApplication as Application
from writ.access.oauth.models import OAuthGrant
from writ.access.roles import SCOPES_OF_ROLE
from writ.contract.errors import Refusal
from writ.gateway.call import Actor
from writ.store.prepared import Prepared

_LONGEST = 8192
_TYPE = "at+jwt"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good signature vouches for; `raw` is all of it (RFC 9068, section 2.2)."""

    grant_id: UUID
    scopes: frozenset[str]
    raw: dict[str, Any]


KEYS = PublicKeys()
"""The keys that this process has verified with."""

_MOST_VERIFIED = 4096
_verified: dict[str, Claims] = {}
# A good signature stays good, and verifying one costs more than the select: what was verified is kept. Time,
# grant, application and user are asked for at each request all the same.

_FIND = Prepared(
    select(
        OAuthGrant.revoked_at,
        OAuthGrant.user_id,
        Application.id,
        Application.organization_id,
        Application.approval_status,
        Application.scopes,
        Application.api_tier,
        Application.contact_email,
        Application.created_by,
        User.email,
        User.role,
        User.status,
    )
    .join(Application, Application.id == OAuthGrant.application_id)
    .outerjoin(User, User.id == OAuthGrant.user_id)
    .where(OAuthGrant.id == bindparam("id"))
)


def looks_like_token(text: str) -> bool:
    """Whether it has the form of a JWT: three parts with dots between them (RFC 7515, section 3.1)."""
    return text.count(".") == 2


def find_token(connection: Connection, text: str, issuer: str | None) -> Actor:
    """Who calls with this access token: a user through an application, or the application itself.

    The scopes are those of the token that the application still has, and the user's role. An application
    that acts for itself has the id of whoever registered it, and `application` for kind and role. `issuer` is
    compared when it is known. Raises Refusal TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_REVOKED.
    """
    claims = read_token(connection, text, issuer)
    actor = find_grant(connection, claims.grant_id, claims.scopes)
    if actor is None:
        raise Refusal(TOKEN_REVOKED)
    return actor


def find_grant(connection: Connection, grant_id: UUID, scopes: frozenset[str]) -> Actor | None:
    """Who acts by the grant with these scopes; None when it is revoked, or its application or user is out."""
    row = _FIND.first(connection, {"id": grant_id})
    if row is None:
        return None
    revoked_at, user_id, application_id, organization, approval, allowed, tier, contact, maker = row[:9]
    email, role, status = row[9:]
    if revoked_at is not None or approval != "approved":
        return None
    scopes = scopes.intersection(allowed)
    kind = "token"
    if user_id is None:
        kind, user_id, email, role = "application", maker, contact, "application"
    elif status != "active":
        return None
    else:
        scopes = scopes & SCOPES_OF_ROLE[role]
    return Actor(
        id=user_id,
        kind=kind,
        email=email,
        role=role,
        scopes=scopes,
        organization_id=organization,
        application_id=application_id,
        tier=tier,
    )


def read_token(connection: Connection, text: str, issuer: str | None) -> Claims:
    """What the token says. Raises Refusal TOKEN_INVALID for one that is not of this server, TOKEN_EXPIRED."""
    claims = _verified.get(text)
    if claims is None:
        try:
            claims = _verify(connection, text)
        except (JoseError, ValueError, KeyError, TypeError, AttributeError):
            raise Refusal(TOKEN_INVALID) from None
        if len(_verified) >= _MOST_VERIFIED:
            _verified.clear()
        _verified[text] = claims
    if issuer is not None and claims.raw["iss"] != issuer:
        raise Refusal(TOKEN_INVALID)
    if claims.raw["exp"] <= time.time():
        raise Refusal(TOKEN_EXPIRED)
    return claims


def _verify(connection: Connection, text: str) -> Claims:
    if len(text) > _LONGEST:
        raise ValueError("too long")
    header = jws.extract_compact(text.encode("ascii")).headers()
    key = KEYS.find(connection, header.get("kid"))
    if key is None or header.get("typ") != _TYPE:
        raise ValueError("signed by no key of this server")
    raw = jwt.decode(text, key, algorithms=[ALGORITHM]).claims
    if not isinstance(raw["exp"], int) or not isinstance(raw["iss"], str):
        raise ValueError("not as this server writes them")
    return Claims(UUID(raw["grant"]), frozenset(raw["scope"].split()), raw)
