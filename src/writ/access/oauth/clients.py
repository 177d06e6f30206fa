"""Applications, users and tokens as Authlib asks about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from authlib.oauth2.rfc6749 import ClientMixin
from sqlalchemy import Connection, select

from writ.access.models import User
from writ.access.oauth.models import DeveloperApplication as Application
from writ.access.oauth.secrets import is_secret
from writ.store.base import now


@dataclass(frozen=True, slots=True)
class OAuthUser:
    """A user who lets an application act for them."""

    id: UUID
    email: str
    role: str

    def get_user_id(self) -> str:
        """The subject of their tokens."""
        return str(self.id)


class Client(ClientMixin):  # type: ignore[misc]
    """An approved application."""

    def __init__(self, row: Any) -> None:
        self.id: UUID = row.id
        self.name: str = row.application_name
        self.url: str | None = row.application_url
        self.organization_id: UUID = row.organization_id
        self.client_id: str = row.client_id
        self.scopes: list[str] = row.scopes
        self._row = row

    def get_client_id(self) -> str:
        """How it names itself."""
        return self.client_id

    def get_default_redirect_uri(self) -> str | None:
        """The one that there is, when there is one only."""
        uris: Sequence[str] = self._row.redirect_uris
        return uris[0] if len(uris) == 1 else None

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """What it asks for, or all that it may have when it names nothing; None when it may not have that."""
        wanted = scope.split() if scope else self.scopes
        return " ".join(wanted) if set(wanted) <= set(self.scopes) else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Whether it was registered, character by character."""
        return redirect_uri in self._row.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        """Whether this is its secret."""
        return is_secret(self._row.client_secret, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """A secret where it keeps one; its name alone where it keeps none."""
        return (method == "none") is not bool(self._row.is_confidential)

    def check_response_type(self, response_type: str) -> bool:
        """Whether it may ask people at all."""
        return response_type == "code" and self.check_grant_type("authorization_code")

    def check_grant_type(self, grant_type: str) -> bool:
        """Whether it may ask for tokens in this way."""
        return grant_type in self._row.grant_types


def find_client(connection: Connection, client_id: str) -> Client | None:
    """The approved application of this name, or None."""
    if "\0" in client_id:
        return None
    statement = select(Application.__table__).where(
        Application.client_id == client_id, Application.approval_status == "approved"
    )
    row = connection.execute(statement).first()
    return None if row is None else Client(row)


def find_user(connection: Connection, user_id: UUID) -> OAuthUser | None:
    """The active user, or None."""
    statement = select(User.id, User.email, User.role).where(User.id == user_id, User.status == "active")
    row = connection.execute(statement).first()
    return None if row is None else OAuthUser(row.id, row.email, row.role)


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code that was found."""

    code_hash: str
    user_id: UUID
    redirect_uri: str | None
    code_challenge: str
    scopes: list[str]
    code_challenge_method: str = "S256"

    def get_redirect_uri(self) -> str | None:
        """The redirect URI that the code was asked for with, if it was named then."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """What was allowed."""
        return " ".join(self.scopes)


@dataclass(frozen=True, slots=True)
class Token:
    """An access or refresh token that was found; `claims` is what introspection tells of it."""

    grant_id: UUID
    application_id: UUID
    user_id: UUID | None
    scopes: list[str]
    expires_at: datetime
    good: bool
    claims: dict[str, Any]
    token_hash: str = ""

    def check_client(self, client: Client) -> bool:
        """Whether it was given to this application."""
        return self.application_id == client.id

    def get_scope(self) -> str:
        """What it may do."""
        return " ".join(self.scopes)

    def is_expired(self) -> bool:
        """Whether its time is over."""
        return self.expires_at <= now()

    def is_revoked(self) -> bool:
        """Whether it is refused before its time."""
        return not self.good
