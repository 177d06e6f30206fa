"""Placing an order: who asks, in which unit of work, and what it locks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from writ.gateway.call import Call
from writ.gateway.sight import Sight, sight_of
from writ.jobs.models import Job
from writ.jobs.order import order
from writ.settings import Settings, get_settings


@dataclass(frozen=True, slots=True)
class Orders:
    """The desk where the rules of hosting place orders; `retry_of` names the job that is ordered again.

    The rules find only what is in `sight`, and its organization is that of the rows and jobs that they make.
    """

    session: Session
    settings: Settings
    sight: Sight
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
            organization_id=self.sight.organization_id,
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
    by = call.actor.id if call.actor is not None else None
    return Orders(call.session, call.services.settings, sight_of(call), by)


def orders_again(session: Session, job: Job) -> Orders:
    """The desk of a retry: what the job was ordered with is in its sight, whoever has it done again."""
    return Orders(session, get_settings(), Sight(job.organization_id), job.created_by, job.id)
