"""Reads that only answer: events in the order of their positions."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Connection, Integer, Table, bindparam, select, union_all
from writ_contract.errors import CURSOR_INVALID, EVENT_GONE, EVENT_NOT_FOUND
from writ_contract.events import ALL_EVENTS

from writ.contract.errors import Refusal
from writ.events.envelope import PREFIX, envelope, event_id
from writ.events.models import TOLD_COLUMNS, Event, EventLog
from writ.events.sequencer import ROW
from writ.events.types import expand_types
from writ.gateway.call import Actor
from writ.store.paging import Page
from writ.store.prepared import Prepared

_EVENTS, _LOG = cast(Table, Event.__table__), cast(Table, EventLog.__table__)
_ONE = Prepared(
    select(*TOLD_COLUMNS).where(
        _EVENTS.c.id == bindparam("id"),
        _EVENTS.c.organization_id == bindparam("organization"),
        _EVENTS.c.position.is_not(None),
        _EVENTS.c.subscription_id.is_(None),
    )
)
_STATE = Prepared(select(_LOG.c.last_position, _LOG.c.purged_position).where(_LOG.c.id == ROW))
_ALL_AFTER = Prepared(
    select(*TOLD_COLUMNS, _EVENTS.c.subscription_id)
    .where(_EVENTS.c.position > bindparam("after"))
    .order_by(_EVENTS.c.position)
    .limit(bindparam("limit", type_=Integer))
)


@dataclass(frozen=True, slots=True)
class Reader:
    """What one reader of events sees: of an organization, of some projects or all, of some types or all."""

    organization: UUID
    projects: frozenset[UUID] | None = None
    types: frozenset[str] | None = None

    def sees(self, event: Mapping[str, Any]) -> bool:
        """Whether this event is one of the reader's."""
        return (
            event["organization_id"] == self.organization
            and (self.projects is None or event["project_id"] in self.projects)
            and (self.types is None or event["type"] in self.types)
            and event.get("subscription_id") is None
        )


def reader_of(actor: Actor, types: str | None) -> Reader:
    """What a caller sees; `types` as the contract's parameter has it.

    Raises:
        Refusal: EVENT_TYPE_UNKNOWN.
    """
    if actor.organization_id is None:
        raise ValueError("who has no organization has no events")
    wanted = None if types is None else expand_types(types.split(","), field="/query/types")
    return Reader(actor.organization_id, actor.projects, None if wanted == ALL_EVENTS else wanted)


def list_events(connection: Connection, reader: Reader, query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of events; `query` as the contract's parameters name them.

    Raises:
        Refusal: CURSOR_INVALID, EVENT_GONE.
    """
    limit: int = query["limit"]
    after = place_after(connection, reader, query.get("cursor") or query.get("after"))
    rows = read_after(connection, reader, after, limit + 1)
    next_cursor = None
    if len(rows) > limit:
        del rows[limit:]
        next_cursor = make_cursor(rows[-1]["position"])
    return Page([shown(row) for row in rows], limit, next_cursor).as_json()


def get_event(connection: Connection, reader: Reader, name: str) -> dict[str, Any]:
    """One event by the id that it is shown under.

    Raises:
        Refusal: EVENT_NOT_FOUND.
    """
    rows = _ONE.dicts(connection, {"id": event_id(name), "organization": reader.organization})
    if not rows or not reader.sees(rows[0]):
        raise Refusal(EVENT_NOT_FOUND)
    return shown(rows[0])


def place_after(connection: Connection, reader: Reader, after: str | None) -> int:
    """The position after which to read: that of an event by its id, or what a cursor says; 0 without either.

    Raises:
        Refusal: CURSOR_INVALID, EVENT_GONE.
    """
    if after is None:
        return 0
    if not after.startswith(PREFIX):
        position = _read_cursor(after)
        last, purged = read_state(connection)
        if position > last:
            raise _no_cursor()
        if position < purged:
            raise Refusal(EVENT_GONE)
        return position
    try:
        wanted = event_id(after)
    except ValueError:
        raise _no_cursor() from None
    rows = _ONE.dicts(connection, {"id": wanted, "organization": reader.organization})
    # Of any type: who now asks for others goes on all the same. Of no project that is not the reader's.
    if not rows or not replace(reader, types=None).sees(rows[0]):
        raise Refusal(EVENT_GONE)
    return int(rows[0]["position"])


def read_state(connection: Connection) -> tuple[int, int]:
    """The last position that was given out, and the last one that was removed."""
    row = _STATE.first(connection, {})
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def read_after(connection: Connection, reader: Reader, after: int, limit: int) -> list[dict[str, Any]]:
    """The reader's next events after a position, at most `limit`, with their positions."""
    parameters: dict[str, Any] = {"after": after, "limit": limit, "organization": reader.organization}
    # Sorted, so that the same question is the same statement.
    types = sorted(reader.types) if reader.types is not None else []
    projects = sorted(reader.projects) if reader.projects is not None else []
    if (reader.types is not None and not types) or (reader.projects is not None and not projects):
        return []
    parameters |= {f"type_{at}": value for at, value in enumerate(types)}
    parameters |= {f"project_{at}": value for at, value in enumerate(projects)}
    return _after(len(types), len(projects)).dicts(connection, parameters)


def read_all_after(connection: Connection, after: int, limit: int) -> list[dict[str, Any]]:
    """Everybody's next events after a position, with subscription_id: for who sorts them out itself."""
    return _ALL_AFTER.dicts(connection, {"after": after, "limit": limit})


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as the contract shows it."""
    return envelope(
        id=row["id"],
        type=row["type"],
        created_at=row["created_at"],
        organization_id=row["organization_id"],
        project_id=row["project_id"],
        subject=row["subject"],
        data=row["data"],
        changes=row["changes"],
    )


@lru_cache(maxsize=128)
def _after(types: int, projects: int) -> Prepared:
    """The next events of so many types and projects; 0 stands for all.

    Each branch of the union reads its own index in its order and stops early, so a rare type among many
    events costs no more than a frequent one.
    """
    kinds = [bindparam(f"type_{at}", type_=_EVENTS.c.type.type) for at in range(types)]
    branches: list[Any] = []
    if projects:
        for at in range(projects):
            project = bindparam(f"project_{at}", type_=_EVENTS.c.organization_id.type)
            branch = _branch().where(_EVENTS.c.project_id == project)
            branches.append(branch.where(_EVENTS.c.type.in_(kinds)) if kinds else branch)
    elif kinds:
        branches = [_branch().where(_EVENTS.c.type == kind) for kind in kinds]
    else:
        branches = [_branch()]
    found = union_all(*(select(branch.subquery()) for branch in branches)).subquery()
    statement = (
        select(*TOLD_COLUMNS)
        .join(found, found.c.position == _EVENTS.c.position)
        .order_by(_EVENTS.c.position)
        .limit(bindparam("limit", type_=Integer))
    )
    return Prepared(statement)


def _branch() -> Any:
    return (
        select(_EVENTS.c.position)
        .where(
            _EVENTS.c.organization_id == bindparam("organization", type_=_EVENTS.c.organization_id.type),
            _EVENTS.c.position > bindparam("after"),
            _EVENTS.c.subscription_id.is_(None),
        )
        .order_by(_EVENTS.c.position)
        .limit(bindparam("limit", type_=Integer))
    )


def make_cursor(position: int) -> str:
    """A cursor that goes on after a position."""
    return base64.urlsafe_b64encode(b"p%d" % position).decode().rstrip("=")


def _read_cursor(cursor: str) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode("ascii")
        digits = text.removeprefix("p")
        if digits == text or not digits.isdecimal() or len(digits) > 18:
            raise ValueError(text)
        return int(digits)
    except (ValueError, binascii.Error):
        raise _no_cursor() from None


def _no_cursor() -> Refusal:
    return Refusal(CURSOR_INVALID, field="/query/cursor")
