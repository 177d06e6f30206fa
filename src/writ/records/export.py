"""The log as a file: one JSON object a line (NDJSON), or CSV (RFC 4180). Oldest first, read in pages."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from writ.gateway.call import Actor
from writ.records.reading import SHOWN, as_shown, read_entries
from writ.store.base import now
from writ.store.paging import Page
from writ.store.work import Store

MEDIA_TYPES = {"jsonl": "application/x-ndjson", "csv": "text/csv"}
ROWS_AT_ONCE = 500

_FIELDS = tuple("response_time_ms" if name == "response_time_us" else name for name in ("request_id", *SHOWN))
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE


def export(store: Store, actor: Actor, query: Mapping[str, Any], form: str) -> Iterator[bytes]:
    """The entries that the query names, in pieces; what comes in after the start is not among them.

    The first page is read at once, so that what is wrong with the query is said before anything is sent.

    Raises:
        Refusal: as `reading.read_log`.
    """
    asked = {**query, "limit": ROWS_AT_ONCE, "cursor": None}
    if asked.get("to") is None:
        asked["to"] = now().isoformat()
    with store.read() as connection:
        first = read_entries(connection, actor, asked, newest_first=False)
    return _pieces(store, actor, asked, first, form)


def write_rows(rows: Iterable[Mapping[str, Any]], form: str, *, head: bool) -> bytes:
    """Rows as the database has them, as a piece of the file; with the names of the columns if it is CSV."""
    shown = [as_shown(dict(row)) for row in rows]
    if form == "jsonl":
        return b"".join(map(_as_json, shown))
    return _as_csv([_FIELDS] if head else []) + _as_csv(map(_cells, shown))


def _pieces(store: Store, actor: Actor, asked: dict[str, Any], page: Page, form: str) -> Iterator[bytes]:
    yield write_rows(page.data, form, head=True)
    while page.next_cursor is not None:
        asked["cursor"] = page.next_cursor
        # A connection for each page: whoever reads slowly holds none meanwhile.
        with store.read() as connection:
            page = read_entries(connection, actor, asked, newest_first=False)
        yield write_rows(page.data, form, head=False)


def _as_json(row: Mapping[str, Any]) -> bytes:
    return orjson.dumps(row, option=_OPTIONS)


def _cells(row: Mapping[str, Any]) -> list[str]:
    return [_cell(row[name]) for name in _FIELDS]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return orjson.dumps(value).decode()
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    # What a spreadsheet would take for a formula is text: paths and user agents are written by strangers.
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def _as_csv(rows: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
