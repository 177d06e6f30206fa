"""`writ audit`: the log checked and written out on the machine itself, whoever may log in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import BinaryIO

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from writ.records.entry import first_id
from writ.records.export import write_rows
from writ.records.models import AuditEntry
from writ.records.reading import ALL_IDS, SHOWN
from writ.records.verify import verify
from writ.settings import Settings
from writ.store.base import now
from writ.store.work import Store

ROWS_AT_ONCE = 1000

_ENTRY = select(*(getattr(AuditEntry, name) for name in SHOWN))


def verify_log(settings: Settings, anchor: str | None, days: int | None, say: Callable[[str], object]) -> int:
    """Check the log and say what was found; the exit status: 0 whole, 1 not, 2 asked wrongly."""
    try:
        noted = None if anchor is None else bytes.fromhex(anchor)
    except ValueError:
        say("Error: --anchor is not a hash; it is what an earlier check printed, 64 hexadecimal digits.")
        return 2
    store = Store(settings.database, pool_size=2)
    try:
        found = verify(store, days or settings.audit_days, noted)
    except DBAPIError as problem:
        say(f"Error: The database cannot be used: {' '.join(str(problem.orig).split())}")
        return 2
    finally:
        store.close()
    if found.fault is not None:
        where = "The audit log" if found.fault.seal is None else f"Seal {found.fault.seal}"
        say(f"BROKEN. {where}: {found.fault.what}.")
        return 1
    say(f"The audit log is whole: {found.seals} seals over {found.rows} rows, {found.pruned} of them pruned.")
    if found.head is not None:
        say(f"The last seal: {found.head.hex()}")
    return 0


def export_log(
    settings: Settings, since: datetime | None, until: datetime | None, form: str, out: BinaryIO
) -> int:
    """Write every entry between two times (UTC), oldest first; the exit status."""
    store = Store(settings.database, pool_size=2)
    after = ALL_IDS[0] if since is None else first_id(since.replace(tzinfo=UTC))
    before = first_id(now() if until is None else until.replace(tzinfo=UTC))
    try:
        head = True
        while True:
            statement = _ENTRY.where(AuditEntry.id >= after, AuditEntry.id < before)
            with store.read() as connection:
                rows = connection.execute(statement.order_by(AuditEntry.id).limit(ROWS_AT_ONCE)).mappings()
                found = [dict(row) for row in rows]
            out.write(write_rows(found, form, head=head))
            if len(found) < ROWS_AT_ONCE:
                return 0
            head = False
            after = type(after)(int=found[-1]["id"].int + 1)
    finally:
        out.flush()
        store.close()
