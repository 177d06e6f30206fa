"""What every table shares: the declarative base, ids, times, JSON."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, DateTime, Dialect, LargeBinary, MetaData, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator, TypeEngine

DEFAULT_ORGANIZATION_ID = UUID(int=1)
"""The organization of what the system makes, and of all who were put into no other. Migrations make it."""

Json = JSON().with_variant(JSONB(), "postgresql")
"""A JSON value: JSONB on PostgreSQL, text on SQLite."""


def now() -> datetime:
    """The time, in UTC, with its zone."""
    return datetime.now(UTC)


def new_ids(count: int) -> list[UUID]:
    """So many ids of this moment, in ascending order: for less than one call of the kernel each."""
    head = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 80 | 0x7 << 76 | 0x2 << 62
    mask = (1 << 76) - 1 & ~(0x3 << 62)
    noise = os.urandom(10 * count)
    tails = [int.from_bytes(noise[at : at + 10], "big") & mask for at in range(0, 10 * count, 10)]
    return [UUID(int=head | tail) for tail in sorted(tails)]


def new_id(moment: datetime | None = None) -> UUID:
    """A UUID version 7 (RFC 9562): 48 bits of milliseconds, then random, so new rows lie side by side.

    With `moment`, one of that time: what was made before has lower ones.
    """
    milliseconds = time.time_ns() // 1_000_000 if moment is None else int(moment.timestamp() * 1000)
    value = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def _read_text(value: str | None) -> datetime | None:
    # SQLite forgets the zone; what was stored is UTC. A page of jobs holds hundreds of times.
    return None if value is None else datetime.fromisoformat(value + "Z")


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time. Takes aware datetimes only and gives UTC back on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times: what zone they mean is a guess."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """How the driver's values become times: SQLite gives text without a zone, PostgreSQL times in UTC."""
        return _read_text if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


class SmallUuid(TypeDecorator[UUID]):
    """A UUID in 16 bytes on both databases, for tables of millions of rows; else SQLite takes 32 for each."""

    impl = Uuid
    cache_ok = True

    @property
    def python_type(self) -> type[UUID]:
        """What its values are."""
        return UUID

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """BLOB on SQLite, whose order is that of the ids; uuid on PostgreSQL."""
        return dialect.type_descriptor(LargeBinary(16) if dialect.name == "sqlite" else Uuid())

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> Any:
        """The id as the driver takes it."""
        return value.bytes if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> UUID | None:
        """The driver's value as an id."""
        return UUID(bytes=value) if isinstance(value, bytes) else value


class Base(DeclarativeBase):
    """The base of all tables; constraint names are the same on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime(), dict[str, Any]: Json, list[Any]: Json}
