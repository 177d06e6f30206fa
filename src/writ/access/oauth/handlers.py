"""OAuth 2: tokens given, renewed, revoked and explained; people asked; keys and metadata shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authlib.oauth2 import OAuth2Error
from writ_contract.errors import INVALID_GRANT

from writ.access.oauth.clients import OAuthUser
from writ.access.oauth.consent import consent_page
from writ.access.oauth.grants import Reused, revoke_reused
from writ.access.oauth.keys import public_keys, signing_key
from writ.access.oauth.server import Server, issuer_of
from writ.access.roles import KNOWN_SCOPES, SCOPES_OF_ROLE
from writ.access.user_rules import require_login
from writ.contract.errors import Refusal
from writ.gateway.call import Answer, Call, ok
from writ.gateway.callers import caller

_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]


def issue_token(call: Call) -> Answer:
    """Give tokens for a code, a refresh token or an application's own credentials."""
    return _token(call, call.body)


def refresh_token(call: Call) -> Answer:
    """The same, for a refresh token."""
    return _token(call, {**call.body, "grant_type": "refresh_token"})


def revoke_token(call: Call) -> Answer:
    """End a token and its family."""
    return _answered(Server(call, call.body).create_endpoint_response("revocation", call))


def introspect_token(call: Call) -> Answer:
    """Say what a token is good for."""
    return _answered(Server(call, call.body).create_endpoint_response("introspection", call))


def get_consent_page(call: Call) -> Answer:
    """Ask the user whether the application may act for them."""
    server, user = _asked(call, call.query)
    try:
        grant = server.get_consent_grant(call, user)
    except OAuth2Error as error:
        return server.handle_error_response(call, error)
    scopes = [scope for scope in grant.request.scope.split() if scope in SCOPES_OF_ROLE[user.role]]
    return consent_page(grant.request.client, user.email, scopes, grant.redirect_uri, server.fields)


def submit_consent(call: Call) -> Answer:
    """Send the user back to the application, with a code or with their refusal."""
    server, user = _asked(call, {name: v for name, v in call.body.items() if name != "decision"})
    try:
        grant = server.get_consent_grant(call, user)
    except OAuth2Error as error:
        return server.handle_error_response(call, error)
    allowed = user if call.body["decision"] == "allow" else None
    return _answered(server.create_authorization_response(call, grant_user=allowed, grant=grant))


def get_token_keys(call: Call) -> Answer:
    """The keys that access tokens are verified with."""
    signing_key(call.services.store, call.services.sealer)
    return ok({"keys": public_keys(call.read)})


def get_authorization_server(call: Call) -> Answer:
    """What this authorization server can do, and where (RFC 8414)."""
    issuer = issuer_of(call)
    base = f"{issuer}/api/oauth"
    return ok(
        {
            "issuer": issuer,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "revocation_endpoint": f"{base}/revoke",
            "introspection_endpoint": f"{base}/introspect",
            "jwks_uri": f"{base}/jwks",
            "scopes_supported": sorted(KNOWN_SCOPES),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": [*_AUTH_METHODS, "none"],
            "revocation_endpoint_auth_methods_supported": [*_AUTH_METHODS, "none"],
            "introspection_endpoint_auth_methods_supported": _AUTH_METHODS,
            "service_documentation": f"{issuer}/docs",
        }
    )


def _token(call: Call, fields: Mapping[str, str]) -> Answer:
    services = call.services
    key = signing_key(services.store, services.sealer)
    try:
        return _answered(Server(call, fields, key).create_token_response(call))
    except Reused as reused:
        # The refusal rolls back what the call wrote; that the family ends must stay.
        call.close()
        with services.store.begin() as session:
            revoke_reused(session, reused)
        raise Refusal(
            INVALID_GRANT, "It was used before; everything that came of it is revoked. Ask the user again."
        ) from None


def _asked(call: Call, fields: Mapping[str, str]) -> tuple[Server, OAuthUser]:
    actor = caller(call)
    require_login(actor)
    server = Server(call, fields)
    server.of_organization = actor.organization_id
    return server, OAuthUser(actor.id, actor.email, actor.role)


def _answered(answer: Any) -> Answer:
    if not isinstance(answer, Answer):
        raise TypeError("the authorization server gave no answer")
    return answer
