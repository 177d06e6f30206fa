"""The table of kept answers: what was answered to requests with an Idempotency-Key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Connection, ForeignKey, LargeBinary, String, Table, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from writ.store.base import Base, UtcDateTime, now
from writ.store.prepared import Prepared
from writ.store.work import Store


class KeptAnswer(Base):
    """The first answer to a request with an Idempotency-Key, written with what the request did.

    `key_hash` is the SHA-256 (hex) of organization, owner and key, so that two callers never meet; `owner` is
    `user:<id>`, `key:<id>` or `application:<id>:<user>`. `fingerprint` tells a repetition from another
    request.
    `sealed` holds status, headers and body, which may show a secret.
    """

    __tablename__ = "idempotency_records"

    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    owner: Mapped[str] = mapped_column(String(120))
    operation: Mapped[str] = mapped_column(String(100))
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    job_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


_TABLE = cast(Table, KeptAnswer.__table__)
_FIND = Prepared(
    select(KeptAnswer.fingerprint, KeptAnswer.sealed).where(
        KeptAnswer.key_hash == bindparam("key_hash"),
        KeptAnswer.expires_at > bindparam("at", type_=UtcDateTime()),
    )
)


def _upsert(insert: Any) -> Any:
    # A row whose time is over gives its place to the new one; one that counts stays, and none is returned.
    statement = insert(_TABLE)
    return statement.on_conflict_do_update(
        index_elements=["key_hash"],
        set_={c.name: statement.excluded[c.name] for c in _TABLE.columns if not c.primary_key},
        where=_TABLE.c.expires_at <= statement.excluded.created_at,
    ).returning(_TABLE.c.key_hash)


_WRITE = {"postgresql": _upsert(postgresql.insert), "sqlite": _upsert(sqlite.insert)}


def find_kept(connection: Connection, key_hash: str) -> tuple[str, bytes] | None:
    """Fingerprint and sealed answer, or None when there is none whose time is not over. One select."""
    row = _FIND.first(connection, {"key_hash": key_hash, "at": now()})
    return None if row is None else (row[0], row[1])


def write_kept(connection: Connection, values: Mapping[str, Any]) -> bool:
    """Write a row in the connection's transaction; False when there is one already, which is left as it is.

    On PostgreSQL it waits while another transaction, not yet committed, writes the same key.
    """
    return connection.execute(_WRITE[connection.dialect.name], values).first() is not None


def purge_kept(store: Store, limit: int = 500) -> int:
    """Delete answers whose time is over, the oldest first and at most `limit`, and return how many."""
    over = _TABLE.c.expires_at <= now()
    with store.read() as connection:
        # Most of the time there are none, and then nobody's turn to write is taken.
        if connection.execute(select(_TABLE.c.key_hash).where(over).limit(1)).first() is None:
            return 0
    # Rows that another purge holds are skipped (PostgreSQL): two at once must not wait for each other.
    chosen = select(_TABLE.c.key_hash).where(over).order_by(_TABLE.c.expires_at).limit(limit)
    chosen = chosen.with_for_update(skip_locked=True)
    gone = delete(_TABLE).where(_TABLE.c.key_hash.in_(chosen.scalar_subquery()))
    with store.begin() as session:
        return len(session.execute(gone.returning(_TABLE.c.key_hash)).all())
