"""Old rows go, whole seals at a time; the seals stay, so the chain can still be followed."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select, update

from writ.records.sealing import ENTRIES, SEALS
from writ.store.base import now
from writ.store.lease import Lease
from writ.store.work import Store

ROWS_AT_ONCE, MOST_ROUNDS = 500, 40

_OLDEST = (
    select(SEALS.c.number, SEALS.c.row_count, SEALS.c.sealed_at)
    .where(SEALS.c.pruned_at.is_(None))
    .order_by(SEALS.c.number)
    .limit(ROWS_AT_ONCE)
)


def prune(store: Store, lease: Lease, days: int, rounds: int = MOST_ROUNDS) -> int:
    """Delete the rows that were sealed more than `days` ago, oldest first; how many were deleted.

    At most `rounds` transactions of about 500 rows, so that nobody waits long for their turn to write.

    Raises:
        DutyLost: another process does it.
    """
    deleted = 0
    for _ in range(rounds):
        ended = now() - timedelta(days=days)
        with store.read() as connection:
            found = connection.execute(_OLDEST).all()
        last, rows = None, 0
        for number, row_count, sealed_at in found:
            if sealed_at >= ended or (last is not None and rows + row_count > ROWS_AT_ONCE):
                break
            last, rows = number, rows + row_count
        if last is None:
            break
        first = found[0].number
        with store.begin() as session:
            lease.fence(session)
            connection = session.connection()
            deleted += connection.execute(delete(ENTRIES).where(ENTRIES.c.seal.between(first, last))).rowcount
            connection.execute(
                update(SEALS).where(SEALS.c.number.between(first, last)).values(pruned_at=now())
            )
    return deleted
