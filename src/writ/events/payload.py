"""What a receiver is sent: the event in its envelope, made once and sent to all as the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from writ.events.webhook_models import API_VERSION

PAYLOAD_MAX_BYTES = 256 * 1024
"""An event that is larger is told by a payload that only says where it can be read."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event as it is told. `data` and `changes` are JSON texts, as the database keeps them."""

    id: UUID
    type: str
    organization_id: UUID
    project_id: UUID | None
    subject: str
    data: str
    changes: str | None
    created_at: datetime
    position: int | None = None

    @property
    def message_id(self) -> str:
        """The event's name elsewhere: the same in every attempt and every replay."""
        return message_id(self.id)


def message_id(event_id: UUID) -> str:
    """An event's id as receivers see it: `evt_` and 32 hexadecimal digits."""
    return f"evt_{event_id.hex}"


def render(event: Told, public_url: str | None) -> bytes:
    """The payload, at most 256 KiB. `public_url` is where people reach this server, if that is known.

    What would be larger has `truncated`, and in `data` the event's id and the address of the whole of it.
    """
    whole = _dump(event, orjson.Fragment(event.data), _fragment(event.changes))
    if len(whole) <= PAYLOAD_MAX_BYTES:
        return whole
    link = f"{(public_url or '').rstrip('/')}/api/v1/events/{event.id}"
    return _dump(event, {"id": str(event.id), "url": link}, None, truncated=True)


def _fragment(text: str | None) -> Any:
    return None if text is None else orjson.Fragment(text)


def _dump(event: Told, data: Any, changes: Any, **more: Any) -> bytes:
    moment = event.created_at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return orjson.dumps(
        {
            "id": event.message_id,
            "type": event.type,
            "created_at": moment,
            "timestamp": moment,
            "organization_id": event.organization_id,
            "project_id": event.project_id,
            "api_version": API_VERSION,
            "data": data,
            "changes": changes,
            **more,
        }
    )
