"""From journals and transactions into the log: every line once, whoever dies in between.

How far a journal has been read is written in the transaction that writes its rows, and a pending line is
deleted in the one that writes its row.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import structlog
from sqlalchemy import Connection, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from writ.records.entry import BadLine, read_line
from writ.records.journal import SUFFIX
from writ.records.models import AuditEntry, Journal, PendingEntry
from writ.records.sealing import append
from writ.store.base import now
from writ.store.lease import Lease
from writ.store.work import Store

log = structlog.get_logger(__name__)

MOST_ROWS, FEWEST_ROWS = 500, 50
LONG_SECONDS = 0.02
"""How long a transaction may take before the next one gets fewer rows: on SQLite nobody writes meanwhile."""

CHUNK = 1 << 20
FORGET = timedelta(days=1)

_JOURNALS = cast(Table, Journal.__table__)
_PENDING = cast(Table, PendingEntry.__table__)


class Overtaken(Exception):
    """Somebody else has moved what this batch was made of; the next one is made of what is left."""


@dataclass(slots=True)
class Batch:
    """What one transaction moves. `moved` has for each journal where it was read from and to."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    pending: list[UUID] = field(default_factory=list)
    moved: dict[str, tuple[int, int]] = field(default_factory=dict)
    finished: list[Path] = field(default_factory=list)
    more: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.rows or self.pending or self.moved or self.finished)


class Collector:
    """Moves what was recorded into the log, a batch at a time."""

    def __init__(self, store: Store, lease: Lease, folder: Path) -> None:
        self.store, self.lease, self.folder = store, lease, folder
        self.size = MOST_ROWS

    def move(self) -> bool:
        """Move one batch. True when more is waiting.

        Raises:
            DutyLost: another process collects now.
            SQLAlchemyError: the database is away; nothing of the batch was moved.
        """
        with self.store.read() as connection:
            batch = self._gather(connection)
        if batch.empty:
            return False
        began = time.perf_counter()
        try:
            self._write(batch)
        except IntegrityError:
            self._drop_known(batch)
            self._write(batch)
        except Overtaken:
            return True
        self._adapt(time.perf_counter() - began, len(batch.rows))
        for path in batch.finished:
            path.unlink(missing_ok=True)
        return batch.more

    def forget(self) -> None:
        """Forget the journals that were read to their end a day ago, and are deleted."""
        with self.store.begin() as session:
            self.lease.fence(session)
            session.connection().execute(delete(_JOURNALS).where(_JOURNALS.c.finished_at < now() - FORGET))

    def _gather(self, connection: Connection) -> Batch:
        batch = Batch()
        rows = connection.execute(select(_PENDING).order_by(_PENDING.c.id).limit(self.size)).all()
        for entry_id, line in rows:
            batch.pending.append(entry_id)
            self._take(batch, line, "audit_pending")
        batch.more = len(rows) == self.size
        known = {row.name: row for row in connection.execute(select(_JOURNALS))}
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            row = known.get(path.name)
            if row is not None and row.finished_at is not None:
                # Its process ended between the commit and the deletion.
                path.unlink(missing_ok=True)
            elif len(batch.rows) < self.size:
                self._read(batch, path, 0 if row is None else row.position, row is not None)
            else:
                batch.more = True
        return batch

    def _read(self, batch: Batch, path: Path, position: int, known: bool) -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            # Asked first: what is read after the owner is gone is all that there will be.
            gone = _is_free(descriptor)
            data = os.pread(descriptor, CHUNK, position)
        finally:
            os.close(descriptor)
        taken = 0
        for line in _lines(data):
            if len(batch.rows) >= self.size:
                batch.more = True
                break
            self._take(batch, line, path.name)
            taken += len(line)
        else:
            if len(data) == CHUNK:
                batch.more = True
                if taken == 0:
                    self._keep_torn(path, data)
                    taken = len(data)
            elif gone:
                if taken < len(data):
                    self._keep_torn(path, data[taken:])
                    taken = len(data)
                batch.finished.append(path)
        if taken or (gone and path in batch.finished):
            batch.moved[path.name] = (position if known else -1, position + taken)

    def _take(self, batch: Batch, line: bytes, place: str) -> None:
        try:
            batch.rows.append(read_line(line))
        except BadLine as error:
            log.error("audit_line_unreadable", place=place, reason=str(error)[:200])
            self._keep_torn(self.folder / place, line)

    def _keep_torn(self, path: Path, data: bytes) -> None:
        # What cannot be read is no row, but it is evidence: it stays beside, for a person to look at.
        log.error("audit_line_torn", journal=path.name, bytes=len(data))
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        torn = self.folder / f"{path.stem}.torn"
        descriptor = os.open(torn, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)

    def _write(self, batch: Batch) -> None:
        moment = now()
        finished = {path.name for path in batch.finished}
        with self.store.begin() as session:
            self.lease.fence(session)
            connection = session.connection()
            for name, (before, after) in batch.moved.items():
                values = {"position": after, "finished_at": moment if name in finished else None}
                if before < 0:
                    connection.execute(insert(_JOURNALS).values(name=name, **values))
                    continue
                moved = connection.execute(
                    update(_JOURNALS)
                    .where(_JOURNALS.c.name == name, _JOURNALS.c.position == before)
                    .values(values)
                )
                if moved.rowcount != 1:
                    raise Overtaken
            if batch.pending:
                gone = connection.execute(delete(_PENDING).where(_PENDING.c.id.in_(batch.pending)))
                if gone.rowcount != len(batch.pending):
                    raise Overtaken
            if batch.rows:
                append(connection, batch.rows)

    def _drop_known(self, batch: Batch) -> None:
        """Leave out the rows that are in the log already.

        A call is recorded twice when its commit succeeded but could not say so: the answer was 503 then, and
        the first record, which came with the change, is kept.
        """
        ids = [row["id"] for row in batch.rows]
        with self.store.read() as connection:
            known = set(connection.scalars(select(AuditEntry.id).where(AuditEntry.id.in_(ids))))
        seen: dict[UUID, dict[str, Any]] = {}
        for row in batch.rows:
            if row["id"] not in known:
                seen.setdefault(row["id"], row)
        log.warning("recorded_twice", rows=len(batch.rows) - len(seen))
        batch.rows = list(seen.values())

    def _adapt(self, seconds: float, rows: int) -> None:
        if seconds > LONG_SECONDS and rows > FEWEST_ROWS:
            self.size = max(FEWEST_ROWS, rows // 2)
        elif seconds < LONG_SECONDS / 2:
            self.size = min(MOST_ROWS, self.size * 2)


def _lines(data: bytes) -> Iterator[bytes]:
    """The whole lines; what comes after the last line feed waits for the rest of it."""
    end = data.rfind(b"\n") + 1
    for line in data[:end].split(b"\n")[:-1]:
        yield line + b"\n"


def _is_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
