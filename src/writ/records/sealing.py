"""Rows are written as a sealed block, chained to the block before, and counted in the same transaction."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Connection, Table, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from writ.records.entry import canonical
from writ.records.models import NOBODY, AuditEntry, Seal, UsageHour
from writ.store.base import now

ENTRIES = cast(Table, AuditEntry.__table__)
SEALS = cast(Table, Seal.__table__)
USAGE = cast(Table, UsageHour.__table__)

GENESIS = bytes(32)
"""The previous hash of the first seal."""

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
COUNTED = ("requests", "microseconds", "request_bytes", "response_bytes")

_LAST = select(Seal.number, Seal.hash).order_by(Seal.number.desc()).limit(1)
_INSERT_ENTRY, _INSERT_SEAL = insert(ENTRIES), insert(SEALS)


def append(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows as `entry.read_line` gives them as one sealed block, and count them; the seal's number.

    One process at a time may do this, which the caller sees to; a second one fails at the number.

    Raises:
        IntegrityError: a row is there already, or another process sealed at the same time.
    """
    block = sorted(rows, key=lambda row: row["id"])
    last = connection.execute(_LAST).first()
    number, previous = (1, GENESIS) if last is None else (last.number + 1, last.hash)
    digest, moment = digest_of(block), now()
    connection.execute(_INSERT_ENTRY, [{**row, "seal": number} for row in block])
    connection.execute(
        _INSERT_SEAL,
        {
            "number": number,
            "row_count": len(block),
            "digest": digest,
            "previous_hash": previous,
            "hash": chain(previous, number, len(block), digest, moment),
            "sealed_at": moment,
        },
    )
    _count(connection, block)
    return number


def digest_of(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """SHA-256 over the canonical bytes of a block's rows, in the order of their ids."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(canonical(row))
    return digest.digest()


def chain(previous: bytes, number: int, row_count: int, digest: bytes, sealed_at: datetime) -> bytes:
    """The hash of a seal: SHA-256 over the hash before, number, count, time (microseconds) and digest."""
    microseconds = int(sealed_at.timestamp()) * 1_000_000 + sealed_at.microsecond
    head = b"%d\n%d\n%d\n" % (number, row_count, microseconds)
    return hashlib.sha256(previous + head + digest).digest()


def usage_of(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[Any, ...], list[int]]:
    """By the key of `UsageHour`: requests, microseconds, bytes of requests and of answers."""
    found: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for row in rows:
        counts = found[_usage_key(row)]
        counts[0] += 1
        counts[1] += row["response_time_us"]
        counts[2] += row["request_size_bytes"]
        counts[3] += row["response_size_bytes"]
    return found


def hour_of(moment: datetime) -> int:
    """The hour, counted from 1970."""
    return int(moment.timestamp()) // 3600


def _usage_key(row: Mapping[str, Any]) -> tuple[UUID, int, UUID, str, str, str, int]:
    known = row["operation_id"] is not None
    method = row["method"]
    return (
        row["organization_id"],
        hour_of(row["timestamp"]),
        row["api_key_id"] or NOBODY,
        row["operation_id"] or "",
        row["endpoint"] if known else "",
        method if method in METHODS else "OTHER",
        row["status_code"],
    )


def _count(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    keys = [column.name for column in USAGE.primary_key.columns]
    names = (*keys, *COUNTED)
    # In one order everywhere, so that two transactions could not wait for each other.
    counted = sorted(usage_of(rows).items())
    values = [dict(zip(names, (*key, *counts), strict=True)) for key, counts in counted]
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = make(USAGE)
    added = {name: USAGE.c[name] + statement.excluded[name] for name in COUNTED}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=added), values)
