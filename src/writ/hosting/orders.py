"""Placing an order: who asks, in which unit of work, and what it locks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from writ.gateway.call import Call
from writ.jobs.order import order
from writ.settings import Settings, get_settings


@dataclass(frozen=True, slots=True)
class Orders:
    """The desk where the rules of hosting place orders; `retry_of` names the job that is ordered again."""

    session: Session
    settings: Settings
    created_by: UUID | None = None
    retry_of: UUID | None = None

    def place(
        self,
        kind: str,
        parameters: dict[str, Any] | None = None,
        *,
        environments: Iterable[UUID] = (),
        sites: Iterable[UUID] = (),
        site_id: UUID | None = None,
        environment_id: UUID | None = None,
        backup_id: UUID | None = None,
    ) -> UUID:
        """Write the job of an order, with its place in line for every environment and site; the job's id."""
        locks = [f"site:{i}" for i in sites] + [f"environment:{i}" for i in environments]
        return order(
            self.session,
            kind,
            locks=locks,
            parameters=parameters or {},
            site_id=site_id,
            environment_id=environment_id,
            backup_id=backup_id,
            retry_of=self.retry_of,
            created_by=self.created_by,
        )


def orders_of(call: Call) -> Orders:
    """The desk of a request."""
    return Orders(call.session, call.services.settings, call.actor.id if call.actor is not None else None)


def orders_again(session: Session, retry_of: UUID, created_by: UUID | None) -> Orders:
    """The desk of a retry."""
    return Orders(session, get_settings(), created_by, retry_of)
