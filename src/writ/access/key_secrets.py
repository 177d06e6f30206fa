"""The secrets of keys: what requests are signed with. Sealed at rest, because they are needed again."""

from __future__ import annotations

from uuid import UUID

import structlog
from sqlalchemy import Connection, bindparam, select
from sqlalchemy.orm import Session

from writ.access.key_text import random_text
from writ.access.models import ApiKey
from writ.store.base import now
from writ.store.prepared import Prepared
from writ.store.secrets import SealBroken, Sealer

log = structlog.get_logger(__name__)

PREFIX = "writ_secret_"

_FIND = Prepared(
    select(ApiKey.api_secret, ApiKey.previous_api_secret, ApiKey.previous_expires_at).where(
        ApiKey.id == bindparam("id")
    )
)


def make_secret() -> str:
    """A new secret: 256 random bits. All of its text is the key of the HMAC."""
    return PREFIX + random_text()


def seal_secret(sealer: Sealer, key_id: UUID, secret: str) -> str:
    """The secret as the key's row holds it; it opens nowhere else."""
    return sealer.seal_text(secret, _place(key_id))


def secret_of(connection: Connection | Session, sealer: Sealer, key_id: UUID) -> str | None:
    """The key's secret. None when there is no such key, or it was made before keys had secrets.

    Raises:
        SealBroken: it was sealed under another WRIT_SECRET_KEY, or is another key's.
    """
    sealed = connection.execute(select(ApiKey.api_secret).where(ApiKey.id == key_id)).scalar_one_or_none()
    return None if sealed is None else sealer.open_text(sealed, _place(key_id))


def good_secrets(connection: Connection, sealer: Sealer, key_id: UUID) -> list[str]:
    """What the key's requests may be signed with now: its secret, and the one before it in its grace period.

    One that cannot be opened is left out, and said in the log.
    """
    row = _FIND.first(connection, {"id": key_id})
    if row is None:
        return []
    current, previous, previous_ends = row
    in_grace = previous_ends is not None and previous_ends > now()
    good = []
    for sealed in (current, previous if in_grace else None):
        if sealed is not None:
            try:
                good.append(sealer.open_text(sealed, _place(key_id)))
            except SealBroken as error:
                log.warning("key_secret_not_opened", key_id=str(key_id), exc_info=error)
    return good


def _place(key_id: UUID) -> str:
    return f"api_key_secret:{key_id}"
