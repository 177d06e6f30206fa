"""What was granted, as rows: families of tokens, refresh tokens and codes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.orm import Session
from writ_contract.errors import TOKEN_EXPIRED, TOKEN_INVALID

from writ.access.oauth.clients import Client, Code, Token
from writ.access.oauth.keys import ACCESS_SECONDS
from writ.access.oauth.lookup import find_grant, looks_like_token, read_token
from writ.access.oauth.models import OAuthCode, OAuthGrant, OAuthRefreshToken
from writ.access.oauth.secrets import REFRESH_TOKEN_PREFIX, hash_secret
from writ.contract.errors import Refusal
from writ.store.base import now

REFRESH_LIFE = timedelta(days=30)
"""How long a refresh token is good; each use gives a new one."""

CODE_LIFE = timedelta(seconds=60)
_CODES_KEPT = timedelta(days=1)
PURGED_AT_ONCE = 100


class Reused(Exception):
    """A code or refresh token was used a second time: its family must end whatever else is answered."""

    def __init__(self, *, code_hash: str = "", token_hash: str = "") -> None:
        super().__init__("used before")
        self.code_hash, self.token_hash = code_hash, token_hash


def add_grant(
    session: Session, grant_id: UUID, client: Client, user_id: UUID | None, scopes: list[str]
) -> None:
    """A new family, which lives as long as its access token unless a refresh token prolongs it."""
    purge_grants(session)
    session.add(
        OAuthGrant(
            id=grant_id,
            application_id=client.id,
            user_id=user_id,
            scopes=scopes,
            expires_at=now() + timedelta(seconds=ACCESS_SECONDS),
        )
    )
    session.flush()


def add_refresh_token(session: Session, grant_id: UUID, text: str) -> None:
    """Keep a refresh token of the family."""
    ends = now() + REFRESH_LIFE
    session.execute(
        update(OAuthGrant)
        .where(OAuthGrant.id == grant_id)
        .values(expires_at=ends + timedelta(seconds=ACCESS_SECONDS))
    )
    session.add(OAuthRefreshToken(token_hash=hash_secret(text), grant_id=grant_id, expires_at=ends))
    session.flush()


def spend_refresh_token(session: Session, token: Token) -> None:
    """Mark it as used; of two at the same moment one passes. Raises Reused for the other."""
    spent = (
        update(OAuthRefreshToken)
        .where(OAuthRefreshToken.token_hash == token.token_hash, OAuthRefreshToken.spent_at.is_(None))
        .values(spent_at=now())
        .returning(OAuthRefreshToken.token_hash)
    )
    alive = select(OAuthGrant.id).where(OAuthGrant.id == token.grant_id, OAuthGrant.revoked_at.is_(None))
    if session.execute(spent).first() is None or session.execute(alive.with_for_update()).first() is None:
        raise Reused(token_hash=token.token_hash)


def add_code(session: Session, text: str, client: Client, user_id: UUID, code: Code) -> None:
    """Keep a code that the user has allowed the application."""
    session.add(
        OAuthCode(
            code_hash=hash_secret(text),
            application_id=client.id,
            user_id=user_id,
            redirect_uri=code.redirect_uri,
            code_challenge=code.code_challenge,
            scopes=code.scopes,
            expires_at=now() + CODE_LIFE,
        )
    )
    session.flush()


def find_code(connection: Connection, text: str, client: Client) -> Code | None:
    """The application's code, or None. Raises Reused for one that has been used."""
    row = connection.execute(
        select(OAuthCode.__table__).where(
            OAuthCode.code_hash == hash_secret(text), OAuthCode.application_id == client.id
        )
    ).first()
    if row is None:
        return None
    if row.used_at is not None:
        raise Reused(code_hash=row.code_hash)
    if row.expires_at <= now():
        return None
    return Code(row.code_hash, row.user_id, row.redirect_uri, row.code_challenge, row.scopes)


def use_code(session: Session, code: Code, grant_id: UUID) -> None:
    """Mark it as used for this family; of two at the same moment one passes. Raises Reused for the other."""
    used = (
        update(OAuthCode)
        .where(OAuthCode.code_hash == code.code_hash, OAuthCode.used_at.is_(None))
        .values(used_at=now(), grant_id=grant_id)
        .returning(OAuthCode.code_hash)
    )
    if session.execute(used).first() is None:
        raise Reused(code_hash=code.code_hash)


def find_refresh_token(connection: Connection, text: str) -> tuple[Token | None, bool]:
    """The refresh token and whether it has been used; None for one that is not of this server."""
    row = connection.execute(
        select(
            OAuthRefreshToken.token_hash,
            OAuthRefreshToken.expires_at,
            OAuthRefreshToken.spent_at,
            OAuthRefreshToken.grant_id,
            OAuthGrant.application_id,
            OAuthGrant.user_id,
            OAuthGrant.scopes,
        )
        .join(OAuthGrant, OAuthGrant.id == OAuthRefreshToken.grant_id)
        .where(OAuthRefreshToken.token_hash == hash_secret(text))
    ).first()
    if row is None:
        return None, False
    actor = find_grant(connection, row.grant_id, frozenset(row.scopes))
    token = Token(
        grant_id=row.grant_id,
        application_id=row.application_id,
        user_id=row.user_id,
        scopes=row.scopes,
        expires_at=row.expires_at,
        good=actor is not None and row.spent_at is None,
        claims={"exp": int(row.expires_at.timestamp())},
        token_hash=row.token_hash,
    )
    return token, row.spent_at is not None


def find_any(connection: Connection, text: str, issuer: str | None) -> Token | None:
    """The access or refresh token; None for what is neither, or an access token whose time is over."""
    if text.startswith(REFRESH_TOKEN_PREFIX):
        return find_refresh_token(connection, text)[0]
    if not looks_like_token(text):
        return None
    try:
        claims = read_token(connection, text, issuer)
    except Refusal as refusal:
        if refusal.code in (TOKEN_INVALID, TOKEN_EXPIRED):
            return None
        raise
    row = connection.execute(
        select(OAuthGrant.application_id, OAuthGrant.user_id).where(OAuthGrant.id == claims.grant_id)
    ).first()
    if row is None:
        return None
    actor = find_grant(connection, claims.grant_id, claims.scopes)
    return Token(
        grant_id=claims.grant_id,
        application_id=row.application_id,
        user_id=row.user_id,
        scopes=sorted(claims.scopes if actor is None else actor.scopes),
        expires_at=datetime.fromtimestamp(claims.raw["exp"], UTC),
        good=actor is not None,
        claims={name: claims.raw[name] for name in ("exp", "iat", "iss", "aud", "sub", "jti")},
    )


def revoke_grant(session: Session, grant_id: UUID) -> None:
    """End a family with all of its tokens."""
    ended = update(OAuthGrant).where(OAuthGrant.id == grant_id, OAuthGrant.revoked_at.is_(None))
    session.execute(ended.values(revoked_at=now()))


def revoke_grants_of(session: Session, user_id: UUID) -> None:
    """End everything that the user has allowed applications, and the codes that wait to be used."""
    ended = update(OAuthGrant).where(OAuthGrant.user_id == user_id, OAuthGrant.revoked_at.is_(None))
    session.execute(ended.values(revoked_at=now()))
    session.execute(delete(OAuthCode).where(OAuthCode.user_id == user_id, OAuthCode.used_at.is_(None)))


def revoke_reused(session: Session, reused: Reused) -> None:
    """End the family of what was used a second time."""
    if reused.code_hash:
        found = select(OAuthCode.grant_id).where(OAuthCode.code_hash == reused.code_hash)
    else:
        found = select(OAuthRefreshToken.grant_id).where(OAuthRefreshToken.token_hash == reused.token_hash)
    grant_id = session.execute(found).scalar_one_or_none()
    if grant_id is not None:
        revoke_grant(session, grant_id)


def purge_grants(session: Session) -> bool:
    """Delete families whose time is over, with their tokens, and codes that are a day old.

    At most `PURGED_AT_ONCE` of each; returns whether there may be more.
    """
    # Rows that another unit holds are skipped (PostgreSQL): two purges at once must not wait for each other.
    over = select(OAuthGrant.id).where(OAuthGrant.expires_at <= now()).with_for_update(skip_locked=True)
    families = delete(OAuthGrant).where(OAuthGrant.id.in_(over.limit(PURGED_AT_ONCE).scalar_subquery()))
    old = OAuthCode.expires_at <= now() - _CODES_KEPT
    codes = select(OAuthCode.code_hash).where(old).with_for_update(skip_locked=True)
    spent = delete(OAuthCode).where(OAuthCode.code_hash.in_(codes.limit(PURGED_AT_ONCE).scalar_subquery()))
    gone = (
        len(session.execute(families.returning(OAuthGrant.id)).all()),
        len(session.execute(spent.returning(OAuthCode.code_hash)).all()),
    )
    return PURGED_AT_ONCE in gone
