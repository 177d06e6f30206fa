"""What a receiver is sent: the event in its envelope, made once and sent to all as the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import orjson
from sqlalchemy import RowMapping

from writ.events.envelope import envelope, event_name

PAYLOAD_MAX_BYTES = 256 * 1024
"""An event that is larger is told by a payload that only says where it can be read."""

_JSON = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


class Tellable(Protocol):
    """An event as its row has it; `NumberedEvent` is one."""

    @property
    def id(self) -> UUID: ...  # noqa: D102
    @property
    def type(self) -> str: ...  # noqa: D102
    @property
    def organization_id(self) -> UUID: ...  # noqa: D102
    @property
    def project_id(self) -> UUID | None: ...  # noqa: D102
    @property
    def subject(self) -> str: ...  # noqa: D102
    @property
    def data(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def changes(self) -> Mapping[str, Any] | None: ...  # noqa: D102
    @property
    def created_at(self) -> datetime: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Told:
    """An event that was read again."""

    id: UUID
    type: str
    organization_id: UUID
    project_id: UUID | None
    subject: str
    data: Mapping[str, Any]
    changes: Mapping[str, Any] | None
    created_at: datetime
    position: int | None = None

    @classmethod
    def of(cls, row: RowMapping) -> Told:
        """From a row of `TOLD_COLUMNS`."""
        return cls(**{str(name): value for name, value in row.items()})


def render(event: Tellable, public_url: str | None) -> bytes:
    """The payload, at most 256 KiB. `public_url` is where people reach this server, if that is known.

    What would be larger has `truncated`, and in `data` the event's id and the address of the whole of it.
    """
    shown = envelope(
        id=event.id,
        type=event.type,
        created_at=event.created_at,
        organization_id=event.organization_id,
        project_id=event.project_id,
        subject=event.subject,
        data=event.data,
        changes=event.changes,
    )
    whole = orjson.dumps(shown, option=_JSON)
    if len(whole) <= PAYLOAD_MAX_BYTES:
        return whole
    name = event_name(event.id)
    shown["data"] = {"id": name, "url": f"{(public_url or '').rstrip('/')}/api/v1/events/{name}"}
    shown["truncated"] = True
    shown.pop("changes", None)
    return orjson.dumps(shown, option=_JSON)
