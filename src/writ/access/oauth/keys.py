"""The keys that sign access tokens: ES256 (RFC 7518, section 3.4), made at first use, sealed at rest.

The newest key that is not retired signs. A retired one is shown and verifies for as long as a token that it
signed may live.
"""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import Any

from joserfc.jwk import ECKey
from sqlalchemy import Connection, select, update
from sqlalchemy.orm import Session

from writ.access.oauth.models import OAuthKey
from writ.store.base import now
from writ.store.secrets import Sealer
from writ.store.work import Store

ALGORITHM = "ES256"
ACCESS_SECONDS = 3600
"""How long an access token is good."""

_SIGNING = (
    select(OAuthKey.kid, OAuthKey.private_key)
    .where(OAuthKey.retired_at.is_(None))
    .order_by(OAuthKey.created_at.desc(), OAuthKey.kid)
    .limit(1)
)


def signing_key(store: Store, sealer: Sealer) -> ECKey:
    """The private key that signs now, made if there is none.

    Not to be called while a unit of work is open. Raises SealBroken under another WRIT_SECRET_KEY.
    """
    with store.read() as connection:
        row = connection.execute(_SIGNING).first()
    if row is None:
        with store.begin() as session:
            row = session.execute(_SIGNING).first()
            if row is None:
                return _make(session, sealer)
    return ECKey.import_key(json.loads(sealer.open_text(row.private_key, _place(row.kid))))


def rotate_key(store: Store, sealer: Sealer) -> str:
    """Make a new key and retire the others; its kid. Tokens that they signed stay good until they expire."""
    with store.begin() as session:
        session.execute(update(OAuthKey).where(OAuthKey.retired_at.is_(None)).values(retired_at=now()))
        return str(_make(session, sealer).kid)


def public_keys(connection: Connection) -> list[dict[str, Any]]:
    """The keys that verify, as a JWK set holds them (RFC 7517), newest first."""
    oldest = now() - timedelta(seconds=ACCESS_SECONDS)
    good = OAuthKey.retired_at.is_(None) | (OAuthKey.retired_at > oldest)
    rows = connection.execute(select(OAuthKey.public_key).where(good).order_by(OAuthKey.created_at.desc()))
    return [dict(row.public_key) for row in rows]


class PublicKeys:
    """The keys that verify, by kid, kept in the process: what is once signed with a key stays so."""

    def __init__(self) -> None:
        self._known: dict[str, ECKey] = {}

    def find(self, connection: Connection, kid: object) -> ECKey | None:
        """The public key, or None; one that is not known costs one select."""
        if not isinstance(kid, str) or "\0" in kid or len(kid) > 64:
            return None
        key = self._known.get(kid)
        if key is None:
            row = connection.execute(select(OAuthKey.public_key).where(OAuthKey.kid == kid)).first()
            if row is None:
                return None
            key = self._known[kid] = ECKey.import_key(row.public_key)
        return key


def _make(session: Session, sealer: Sealer) -> ECKey:
    kid = secrets.token_urlsafe(12)
    key = ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": ALGORITHM}, private=True)
    private = json.dumps(key.as_dict(private=True))
    session.add(
        OAuthKey(
            kid=kid,
            public_key=key.as_dict(private=False),
            private_key=sealer.seal_text(private, _place(kid)),
        )
    )
    session.flush()
    return key


def _place(kid: str) -> str:
    return f"oauth_key:{kid}"
