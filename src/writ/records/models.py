"""Tables of the audit log, its seals, and the usage that is counted with it.

None has foreign keys: a record outlives whom it speaks of.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from writ.store.base import Base, SmallUuid, UtcDateTime, now

ENDPOINT_CHARACTERS, PATH_CHARACTERS, USER_AGENT_CHARACTERS = 255, 2000, 200

NOBODY = UUID(int=0)
"""Stands for "no organization", and in counts for "no key": with nulls PostgreSQL cannot use the order of an
index.
"""


def _index(name: str, *columns: str, where: str | None = None) -> Index:
    condition = None if where is None else text(where)
    return Index(f"ix_api_audit_log_{name}", *columns, sqlite_where=condition, postgresql_where=condition)


class AuditEntry(Base):
    """One call of the API: append-only, and sealed from the moment it is here.

    `id` is a UUID version 7 made when the request came: it sorts by time, pages are cut by it, and the
    request id shows it. `parameters` is JSON text, kept as it was sealed. `organization_id` is NOBODY
    where nobody is known. `endpoint` is the path of the
    contract, the raw path where there is none. Every filter has an index that ends in the id, so that a page
    is read without sorting and without looking at rows that are not on it; so has a key or a place together
    with a status, where status 200 is left out because it is what most rows have.
    """

    __tablename__ = "api_audit_log"
    __table_args__ = (
        _index("organization", "organization_id", "id"),
        _index("key", "api_key_id", "id", where="api_key_id IS NOT NULL"),
        _index("user", "user_id", "id", where="user_id IS NOT NULL"),
        _index("operation", "organization_id", "operation_id", "id"),
        _index("endpoint", "organization_id", "endpoint", "id"),
        _index("status", "organization_id", "status_code", "id"),
        _index("method", "organization_id", "method", "id"),
        _index("key_operation", "api_key_id", "operation_id", "id", where="api_key_id IS NOT NULL"),
        _index("key_endpoint", "api_key_id", "endpoint", "id", where="api_key_id IS NOT NULL"),
        _index(
            "key_status",
            "api_key_id",
            "status_code",
            "id",
            where="api_key_id IS NOT NULL AND status_code <> 200",
        ),
        _index(
            "operation_status",
            "organization_id",
            "operation_id",
            "status_code",
            "id",
            where="status_code <> 200",
        ),
        _index(
            "endpoint_status",
            "organization_id",
            "endpoint",
            "status_code",
            "id",
            where="status_code <> 200",
        ),
        _index("seal", "seal"),
    )

    id: Mapped[UUID] = mapped_column(SmallUuid, primary_key=True)
    timestamp: Mapped[datetime] = mapped_column(UtcDateTime)
    organization_id: Mapped[UUID] = mapped_column(SmallUuid)
    api_key_id: Mapped[UUID | None] = mapped_column(SmallUuid)
    user_id: Mapped[UUID | None] = mapped_column(SmallUuid)
    application_id: Mapped[UUID | None] = mapped_column(SmallUuid)
    actor_kind: Mapped[str | None] = mapped_column(String(20))
    operation_id: Mapped[str | None] = mapped_column(String(100))
    endpoint: Mapped[str] = mapped_column(String(ENDPOINT_CHARACTERS))
    method: Mapped[str] = mapped_column(String(10))
    path: Mapped[str] = mapped_column(String(PATH_CHARACTERS))
    parameters: Mapped[str | None] = mapped_column(Text)
    status_code: Mapped[int] = mapped_column(SmallInteger)
    error_code: Mapped[str | None] = mapped_column(String(64))
    response_time_us: Mapped[int] = mapped_column(BigInteger)
    request_size_bytes: Mapped[int] = mapped_column(BigInteger)
    response_size_bytes: Mapped[int] = mapped_column(BigInteger)
    ip_address: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(USER_AGENT_CHARACTERS))
    seal: Mapped[int] = mapped_column(BigInteger)


class PendingEntry(Base):
    """The line of a call that changed something, written in the transaction of the change; see `entry`.

    The recorder moves it into the log. A row of the log itself would make every change pay for its indexes,
    and would have to be changed once more when it is sealed.
    """

    __tablename__ = "audit_pending"

    id: Mapped[UUID] = mapped_column(SmallUuid, primary_key=True)
    line: Mapped[bytes] = mapped_column(LargeBinary)


class Journal(Base):
    """How far a server's journal has been read, in bytes; `finished_at` when there is no more to come."""

    __tablename__ = "audit_journals"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Seal(Base):
    """A block of rows that were written together, and the hash that chains it to the block before.

    `digest` covers the rows, `hash` the digest, number, count and time of this seal and the hash of the one
    before (`sealing.chain`). `pruned_at` says when the rows were deleted because their time was over; the
    seal stays, and the chain with it.
    """

    __tablename__ = "audit_seals"
    __table_args__ = (
        Index(
            "ix_audit_seals_kept",
            "number",
            sqlite_where=text("pruned_at IS NULL"),
            postgresql_where=text("pruned_at IS NULL"),
        ),
    )

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    row_count: Mapped[int]
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    previous_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    sealed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    pruned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class UsageHour(Base):
    """How often an operation was called in an hour (counted from 1970), by whom, and how it ended.

    Counted in the transaction that seals the rows, so it says what they say. Calls outside of the contract
    are one count, with an empty `operation_id` and `endpoint`: else strangers could make any number of rows.
    """

    __tablename__ = "api_usage_hours"
    __table_args__ = (Index("ix_api_usage_hours_api_key_id_hour", "api_key_id", "hour"),)

    organization_id: Mapped[UUID] = mapped_column(SmallUuid, primary_key=True)
    hour: Mapped[int] = mapped_column(primary_key=True)
    api_key_id: Mapped[UUID] = mapped_column(SmallUuid, primary_key=True)
    operation_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    endpoint: Mapped[str] = mapped_column(String(ENDPOINT_CHARACTERS), primary_key=True)
    method: Mapped[str] = mapped_column(String(10), primary_key=True)
    status_code: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    requests: Mapped[int] = mapped_column(BigInteger)
    microseconds: Mapped[int] = mapped_column(BigInteger)
    request_bytes: Mapped[int] = mapped_column(BigInteger)
    response_bytes: Mapped[int] = mapped_column(BigInteger)
