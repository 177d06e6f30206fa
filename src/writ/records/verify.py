"""Does the log hold what was sealed? Every row and every seal is read again and compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select

from writ.records.sealing import ENTRIES, GENESIS, SEALS, chain, digest_of
from writ.store.work import Store

SEALS_AT_ONCE, ROWS_AT_ONCE = 500, 20_000


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, with the number of the first seal that shows it (None: the chain as a whole)."""

    seal: int | None
    what: str


@dataclass(slots=True)
class Verified:
    """What was looked at. `head` is the hash of the last seal, to be noted elsewhere, None without any."""

    seals: int = 0
    rows: int = 0
    pruned: int = 0
    head: bytes | None = None
    fault: Fault | None = None


def verify(store: Store, days: int, anchor: bytes | None = None) -> Verified:
    """Read the whole chain, up to its first fault. The recorder may go on meanwhile.

    `days` is the retention: rows that were pruned sooner are missed. `anchor` is the hash of a seal that was
    noted elsewhere: the chain must still go through it. Without one, a log whose end was cut off, or that was
    sealed anew from some row on, looks like a shorter or another one that is whole.
    """
    found = Verified()
    anchored = anchor is None
    with store.read() as connection:
        last = connection.scalar(select(func.max(SEALS.c.number))) or 0
        previous = GENESIS
        for block in _blocks(connection, last):
            rows = _rows_of(connection, block)
            for seal in block:
                found.fault = (
                    _check_seal(seal, found.seals + 1, previous)
                    or _check_pruned(seal, found, days)
                    or _check_rows(connection, seal, rows.get(seal.number, []))
                )
                if found.fault is not None:
                    return found
                previous = seal.hash
                anchored = anchored or seal.hash == anchor
                found.head = seal.hash
                found.seals += 1
                if seal.pruned_at is not None:
                    found.pruned += 1
                else:
                    found.rows += seal.row_count
        found.fault = _check_end(connection, found.seals)
    if found.fault is None and not anchored:
        found.fault = Fault(None, "no seal has the hash of the anchor: the log was cut off or sealed anew")
    return found


def _blocks(connection: Connection, last: int) -> Iterator[list[Row[Any]]]:
    """The seals in their order, so many at a time that their rows fit into memory."""
    after = -1
    while True:
        seals = connection.execute(
            select(SEALS)
            .where(SEALS.c.number > after, SEALS.c.number <= last)
            .order_by(SEALS.c.number)
            .limit(SEALS_AT_ONCE)
        ).all()
        if not seals:
            return
        block: list[Row[Any]] = []
        rows = 0
        for seal in seals:
            if block and rows + seal.row_count > ROWS_AT_ONCE:
                break
            block.append(seal)
            rows += seal.row_count
        after = block[-1].number
        yield block


def _rows_of(connection: Connection, block: list[Row[Any]]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    statement = select(ENTRIES).where(ENTRIES.c.seal.between(block[0].number, block[-1].number))
    for row in connection.execute(statement.order_by(ENTRIES.c.seal, ENTRIES.c.id)).mappings():
        found[row["seal"]].append(row)
    return found


def _check_seal(seal: Row[Any], expected: int, previous: bytes) -> Fault | None:
    if seal.number != expected:
        return Fault(expected, "the seal is missing")
    if seal.previous_hash != previous:
        return Fault(seal.number, "the seal does not follow the one before it")
    if seal.hash != chain(previous, seal.number, seal.row_count, seal.digest, seal.sealed_at):
        return Fault(seal.number, "the seal was changed")
    return None


def _check_pruned(seal: Row[Any], found: Verified, days: int) -> Fault | None:
    if seal.pruned_at is None:
        return None
    if found.pruned < found.seals:
        return Fault(seal.number, "its rows were deleted, but not those of the seals before it")
    if seal.pruned_at - seal.sealed_at < timedelta(days=days):
        return Fault(seal.number, f"its rows were deleted before {days} days were over")
    return None


def _check_rows(connection: Connection, seal: Row[Any], rows: list[Any]) -> Fault | None:
    if seal.pruned_at is None:
        if len(rows) == seal.row_count and digest_of(rows) == seal.digest:
            return None
        # They may have been pruned since the seal was read.
        again = connection.execute(select(SEALS.c.pruned_at).where(SEALS.c.number == seal.number)).first()
        if not rows and again is not None and again.pruned_at is not None:
            return None
    elif not rows:
        return None
    if len(rows) != (0 if seal.pruned_at is not None else seal.row_count):
        count = 0 if seal.pruned_at is not None else seal.row_count
        return Fault(seal.number, f"it covers {count} rows, and there are {len(rows)}")
    return Fault(seal.number, "a row that it covers was changed or exchanged")


def _check_end(connection: Connection, last: int) -> Fault | None:
    # Rows that belong to no seal; there may be new seals by now, with rows of theirs.
    strays = connection.execute(
        select(ENTRIES.c.seal)
        .where((ENTRIES.c.seal > last) | (ENTRIES.c.seal < 1))
        .where(ENTRIES.c.seal.not_in(select(SEALS.c.number).where(SEALS.c.number > last)))
        .order_by(ENTRIES.c.seal)
        .limit(1)
    ).first()
    return None if strays is None else Fault(strays.seal, "there are rows, but the seal is missing")
