"""An event as others see it: the contract's schema `Event`, in the log, in the stream and in webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

API_VERSION = "2026-11-01"
"""The version of the payload: what is renamed or removed from it comes with another."""

PREFIX = "evt_"


def event_name(event_id: UUID) -> str:
    """The id of an event as it is shown."""
    return PREFIX + event_id.hex


def event_id(name: str) -> UUID:
    """The id of an event that is shown so. Raises ValueError for what is no such id."""
    digits = name.removeprefix(PREFIX)
    if len(name) != len(PREFIX) + 32 or len(digits) != 32:
        raise ValueError(name)
    return UUID(digits)


def envelope(
    *,
    id: UUID,
    type: str,
    created_at: datetime,
    organization_id: UUID,
    project_id: UUID | None,
    subject: str,
    data: Mapping[str, Any],
    changes: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """What is shown of an event, ready to be written as JSON."""
    shown: dict[str, Any] = {
        "id": event_name(id),
        "type": type,
        "created_at": created_at,
        "timestamp": created_at,
        "organization_id": organization_id,
        "project_id": project_id,
        "api_version": API_VERSION,
        "subject": subject,
        "data": data,
    }
    if changes is not None:
        shown["changes"] = changes
    return shown
