"""Authlib's authorization server over Writ's tables: which grants there are, and where each finds its rows.

The protocol is Authlib's: RFC 6749 (grants), 7636 (PKCE), 7009 (revocation), 7662 (introspection), 9068
(JWTs). One server is made for each call, because it works in the call's unit of work. What was asked wrongly
becomes a Refusal, or is told to the application through the user's browser where the protocol says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    InvalidClientError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Request,
    grants,
)
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from joserfc.jwk import ECKey, KeySet

from writ.access.oauth import grants as rows
from writ.access.oauth.clients import Client, Code, OAuthUser, Token, find_client, find_user
from writ.access.oauth.keys import ACCESS_SECONDS, ALGORITHM
from writ.access.oauth.secrets import CODE_PREFIX, REFRESH_TOKEN_PREFIX, make_secret
from writ.contract.errors import Refusal
from writ.gateway.call import Answer, Call
from writ.store.base import new_id

_BY_SECRET = ["client_secret_basic", "client_secret_post"]
_ANY = [*_BY_SECRET, "none"]


class Server(AuthorizationServer):  # type: ignore[misc]
    """The authorization server for one call. `key` signs; without it no token can be given."""

    def __init__(self, call: Call, fields: Mapping[str, str], key: ECKey | None = None) -> None:
        super().__init__()
        self.call = call
        self.fields = {name: value for name, value in fields.items() if value}
        self.client: Client | None = None
        self.grant_id: UUID = new_id()
        self.goes_on = False
        self.of_organization: UUID | None = None
        self.register_grant(ClientCredentialsGrant)
        self.register_grant(AuthorizationCodeGrant, [S256Challenge()])
        self.register_grant(RefreshTokenGrant)
        self.register_endpoint(Revocation)
        self.register_endpoint(Introspection)
        if key is not None:
            self.register_token_generator("default", AccessTokens(self, issuer_of(call), key))

    def query_client(self, client_id: str) -> Client | None:
        """The approved application; people are asked by those of their organization only."""
        client = find_client(self.call.read, client_id)
        if client is not None and self.of_organization not in (None, client.organization_id):
            client = None
        self.client = client
        return client

    def get_authorization_grant(self, request: Any) -> Any:
        """As Authlib does it, but an unknown response_type is not repeated: a description may not hold it."""
        if not AuthorizationCodeGrant.check_authorization_endpoint(request):
            raise OAuth2Error(
                "There is only response_type=code.",
                redirect_uri=self._registered_redirect_uri(request.payload),
                error="unsupported_response_type",
            )
        return super().get_authorization_grant(request)

    def _registered_redirect_uri(self, payload: Any) -> str | None:
        client = self.query_client(payload.client_id) if payload.client_id else None
        if client is None:
            return None
        wanted: str | None = payload.redirect_uri or client.get_default_redirect_uri()
        return wanted if wanted is not None and client.check_redirect_uri(wanted) else None

    def authenticate_client(self, request: Any, methods: Any, endpoint: str = "token") -> Any:
        """As Authlib does it, and bytes in a Basic header that are no text are a wrong client."""
        try:
            return super().authenticate_client(request, methods, endpoint)
        except UnicodeDecodeError:
            raise InvalidClientError(description="The Authorization header is not UTF-8.") from None

    def validate_requested_scope(self, scope: str | None) -> None:
        """Refuse what the application may not have, instead of giving less than was asked for."""
        if self.client is not None and self.client.get_allowed_scope(scope) is None:
            raise InvalidScopeError("The application was not registered with one of these scopes.")

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        """Keep the family, if it is a new one, and the refresh token."""
        session = self.call.session
        if not self.goes_on:
            user_id = None if request.user is None else request.user.id
            rows.add_grant(session, self.grant_id, request.client, user_id, token["scope"].split())
        if "refresh_token" in token:
            rows.add_refresh_token(session, self.grant_id, token["refresh_token"])

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: Any) -> OAuth2Request:
        """The call as Authlib reads it."""
        return _Request(self.call, self.fields)

    def handle_response(self, status: int, body: Any, headers: Any) -> Answer:
        """What the handler answers: a redirect, or JSON."""
        location = dict(headers).get("Location")
        if location is not None:
            return Answer(303, None, {"Location": location})
        return Answer(status, body, {"Pragma": "no-cache"})

    def handle_error_response(self, request: Any, error: OAuth2Error) -> Answer:
        """A redirect where the application is to be told through the browser; else a Refusal."""
        if error.redirect_uri:
            return self.handle_response(*error(None))
        raise as_refusal(error, self.call)


class _Request(OAuth2Request):  # type: ignore[misc]
    def __init__(self, call: Call, fields: dict[str, str]) -> None:
        # Authlib asks for TLS here. What ends TLS stands in front of this server, by the operator's choice.
        super().__init__(call.method, "https://localhost/", headers=_authorization(call))
        self.payload = BasicOAuth2Payload(fields)
        self._fields = fields

    @property
    def form(self) -> dict[str, str]:
        return self._fields

    @property
    def args(self) -> dict[str, str]:
        return self._fields


class AccessTokens(JWTBearerTokenGenerator):  # type: ignore[misc]
    """JWTs that name their family in the claim `grant`."""

    def __init__(self, server: Server, issuer: str, key: ECKey) -> None:
        super().__init__(issuer, ALGORITHM, _make_refresh_token, lambda _client, _grant: ACCESS_SECONDS)
        self._server, self._key = server, key

    def get_jwks(self) -> KeySet:
        """The key that signs; of a set, so that its kid is written into the header."""
        return KeySet([self._key])

    def get_audiences(self, client: Client, user: OAuthUser | None, scope: str) -> str:
        """The API of this server."""
        return f"{self.issuer}/api"

    def get_extra_claims(
        self, client: Client, grant_type: str, user: OAuthUser | None, scope: str
    ) -> dict[str, Any]:
        """The family."""
        return {"grant": str(self._server.grant_id)}


class ClientCredentialsGrant(grants.ClientCredentialsGrant):  # type: ignore[misc]
    """The application for itself (RFC 6749, section 4.4)."""

    TOKEN_ENDPOINT_AUTH_METHODS = _BY_SECRET


class AuthorizationCodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
    """A user lets the application act for them (RFC 6749, section 4.1)."""

    TOKEN_ENDPOINT_AUTH_METHODS = _ANY

    @staticmethod
    def validate_authorization_redirect_uri(request: Any, client: Client) -> str:
        """The redirect URI, as it was registered. Its text is not repeated: it may be anything."""
        wanted = request.payload.redirect_uri or client.get_default_redirect_uri()
        if wanted is None or not client.check_redirect_uri(wanted):
            raise InvalidRequestError("redirect_uri is not one that was registered, character by character.")
        return str(wanted)

    def generate_authorization_code(self) -> str:
        """A fresh code."""
        return make_secret(CODE_PREFIX)

    def save_authorization_code(self, code: str, request: Any) -> None:
        """Keep it with all that it is bound to."""
        payload = request.payload
        bound = Code(
            "", request.user.id, payload.redirect_uri, payload.data["code_challenge"], request.scope.split()
        )
        rows.add_code(self.server.call.session, code, request.client, request.user.id, bound)

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        """The application's code."""
        return rows.find_code(self.server.call.read, code, client)

    def delete_authorization_code(self, authorization_code: Code) -> None:
        """It is good once."""
        rows.use_code(self.server.call.session, authorization_code, self.server.grant_id)

    def authenticate_user(self, authorization_code: Code) -> OAuthUser | None:
        """Who allowed it, if they still can."""
        return find_user(self.server.call.read, authorization_code.user_id)


class S256Challenge(CodeChallenge):  # type: ignore[misc]
    """PKCE for everybody, and S256 only (RFC 9700, section 2.1.1)."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Refuse a request without a challenge, or with a plain one."""
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE is needed: code_challenge, and code_challenge_method=S256.")
        super().validate_code_challenge(grant, redirect_uri)


class RefreshTokenGrant(grants.RefreshTokenGrant):  # type: ignore[misc]
    """Going on without asking the user again (RFC 6749, section 6); each use gives a new refresh token."""

    TOKEN_ENDPOINT_AUTH_METHODS = _ANY
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
        """The application's token. Raises Reused for one that has been used."""
        token, spent = rows.find_refresh_token(self.server.call.read, refresh_token)
        if token is None or not token.check_client(self.request.client):
            return None
        if spent:
            raise rows.Reused(token_hash=token.token_hash)
        return None if token.is_revoked() or token.is_expired() else token

    def issue_token(self, user: OAuthUser, refresh_token: Token) -> Any:
        """A token of the same family."""
        self.server.grant_id, self.server.goes_on = refresh_token.grant_id, True
        return super().issue_token(user, refresh_token)

    def authenticate_user(self, refresh_token: Token) -> OAuthUser | None:
        """Who allowed it, if they still can."""
        user_id = refresh_token.user_id
        return None if user_id is None else find_user(self.server.call.read, user_id)

    def revoke_old_credential(self, refresh_token: Token) -> None:
        """It is good once."""
        rows.spend_refresh_token(self.server.call.session, refresh_token)


class Revocation(RevocationEndpoint):  # type: ignore[misc]
    """RFC 7009: whichever token of a family is revoked, all of it ends."""

    CLIENT_AUTH_METHODS = _ANY

    def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:
        """The token; the hint is not needed."""
        return rows.find_any(self.server.call.read, token_string, fixed_issuer(self.server.call))

    def revoke_token(self, token: Token, request: Any) -> None:
        """End its family."""
        rows.revoke_grant(self.server.call.session, token.grant_id)


class Introspection(IntrospectionEndpoint):  # type: ignore[misc]
    """RFC 7662: an application asks about its own tokens; of others it hears that they are not active."""

    CLIENT_AUTH_METHODS = _BY_SECRET

    def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:
        """The token; the hint is not needed."""
        return rows.find_any(self.server.call.read, token_string, fixed_issuer(self.server.call))

    def check_permission(self, token: Token, client: Client, request: Any) -> bool:
        """Whether it is the application's own."""
        return token.check_client(client)

    def introspect_token(self, token: Token) -> dict[str, Any]:
        """What is told of an active one."""
        user = None if token.user_id is None else find_user(self.server.call.read, token.user_id)
        return {
            "active": True,
            "client_id": self.server.client.client_id,
            "scope": token.get_scope(),
            "token_type": "Bearer" if "jti" in token.claims else "refresh_token",
            **({} if user is None else {"username": user.email, "sub": user.get_user_id()}),
            **token.claims,
        }


def issuer_of(call: Call) -> str:
    """The name of this authorization server: WRIT_PUBLIC_URL, or else how the caller reached it."""
    return fixed_issuer(call) or f"{call.scheme}://{call.headers.get('host', 'localhost')}"


def fixed_issuer(call: Call) -> str | None:
    """The name that it has whoever asks, if the operator has set one."""
    public = call.services.settings.public_url
    return None if public is None else public.rstrip("/")


def as_refusal(error: OAuth2Error, call: Call) -> Refusal:
    """The refusal that says what Authlib found; a wrong client that tried Basic is asked for it again."""
    headers = {}
    if error.error == "invalid_client" and _authorization(call):
        headers["WWW-Authenticate"] = 'Basic realm="writ"'
    description = (
        error.get_error_description() if hasattr(error, "get_error_description") else error.description
    )
    return Refusal(error.error.upper(), description or None, headers=headers)


def _authorization(call: Call) -> dict[str, str]:
    header = call.headers.get("authorization")
    return {} if header is None else {"Authorization": header}


def _make_refresh_token(**_about: Any) -> str:
    return make_secret(REFRESH_TOKEN_PREFIX)
