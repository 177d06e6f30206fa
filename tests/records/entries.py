"""Entries of the log as tests want them, and the recorder's work a batch at a time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import insert, select

from writ.records.collecting import Collector
from writ.records.entry import COLUMNS, FORM, first_id, time_of
from writ.records.journal import FOLDER, Journal
from writ.records.models import NOBODY, AuditEntry, PendingEntry
from writ.records.sealing import append
from writ.records.verify import Verified, verify
from writ.settings import Settings
from writ.store.lease import Lease
from writ.store.work import Store

AT = datetime(2026, 2, 20, 10, 15, tzinfo=UTC)
ORGANIZATION, OTHER = UUID(int=1), UUID(int=0xBEEF)
KEY, USER = UUID(int=0x71), UUID(int=0x82)


def entry_id(number: int, at: datetime = AT) -> UUID:
    """The id of the entry that came so many milliseconds after `at`."""
    base = first_id(at + timedelta(milliseconds=number)).int
    return UUID(int=base | 0x7 << 76 | 0x2 << 62 | number)


def row(number: int, **values: Any) -> dict[str, Any]:
    """One call, as `entry.read_line` gives it."""
    found: dict[str, Any] = {
        "id": entry_id(number),
        "organization_id": ORGANIZATION,
        "api_key_id": KEY,
        "user_id": USER,
        "application_id": None,
        "actor_kind": "key",
        "operation_id": "get_site",
        "endpoint": "/sites/{id}",
        "method": "GET",
        "path": "/api/sites/01890000-0000-7000-8000-000000000001",
        "parameters": '{"path":{"id":"01890000-0000-7000-8000-000000000001"}}',
        "status_code": 200,
        "error_code": None,
        "response_time_us": 1500 + number,
        "request_size_bytes": number,
        "response_size_bytes": 300,
        "ip_address": "192.0.2.7",
        "user_agent": "tests/1.0 äöü",
        **values,
    }
    found["organization_id"] = found["organization_id"] or NOBODY
    found["timestamp"] = time_of(found["id"])
    return found


def line(number: int, **values: Any) -> bytes:
    """The call as a server writes it down."""
    found = row(number, **values)
    return orjson.dumps([FORM, *(found[name] for name in COLUMNS)]) + b"\n"


class Log:
    """A log on a database, with a journal and a collector."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store, self.settings = store, settings
        self.folder: Path = settings.home_path / FOLDER
        self.journal = Journal(self.folder)
        self.lease = Lease(store, "recorder")
        assert self.lease.take()
        self.collector = Collector(store, self.lease, self.folder)

    def end(self) -> None:
        self.journal.close()

    def answer(self, numbers: Iterable[int], **values: Any) -> None:
        """Calls that left no record in a unit of work."""
        for number in numbers:
            self.journal.append(line(number, **values))

    def change(self, number: int, **values: Any) -> None:
        """A call that did."""
        with self.store.begin() as session:
            session.execute(insert(PendingEntry), {"id": entry_id(number), "line": line(number, **values)})

    def seal(self, *rows: dict[str, Any]) -> None:
        """Rows in the log, in a seal of their own."""
        with self.store.begin() as session:
            append(session.connection(), rows)

    def collect(self) -> None:
        """Everything that is there."""
        while self.collector.move():
            pass

    def numbers(self) -> list[int]:
        """Which entries are in the log."""
        with self.store.read() as connection:
            ids = connection.scalars(select(AuditEntry.id).order_by(AuditEntry.id)).all()
        return [found.int & 0xFFFFFFFF for found in ids]

    def verify(self, anchor: bytes | None = None) -> Verified:
        return verify(self.store, 180, anchor)
