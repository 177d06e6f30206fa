"""A rehearsal: what a job costs the first time in a process is paid before the process forks for jobs.

Preparing mappers and compiling SQL takes longer than running a short job. A worker therefore carries out one
job that never existed, in a transaction that it rolls back; what it forks starts with everything prepared.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from writ.jobs.kinds import REGISTRY, Kind, Step
from writ.jobs.ledger import claim
from writ.jobs.order import order
from writ.jobs.runner import Runner
from writ.settings import Settings
from writ.store.work import Store

log = structlog.get_logger(__name__)

NAME = "rehearsal"


class _OneTransaction:
    """A store whose units of work are savepoints of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A savepoint."""
        with self._session.begin_nested():
            yield self._session

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """The transaction's own connection, which sees what is not committed."""
        yield self._session.connection()


def rehearse(store: Store, settings: Settings) -> None:
    """Carry out a job that leaves no trace, and close all connections of the store.

    A database that is away is no error: the first jobs then pay themselves.
    """
    kind = Kind(NAME, tuple(Step(name, lambda context: context.log(NAME)) for name in ("one", "two")), "writ")
    REGISTRY[NAME] = kind
    session = store.open_session()
    try:
        one = cast(Store, _OneTransaction(session))
        job_id = order(session, NAME, locks=[f"{NAME}:{uuid4()}"])
        job = claim(one, job_id, owner=NAME, lease_seconds=settings.lease_seconds)
        if job is not None:
            services: Any = SimpleNamespace(store=one, settings=settings)
            Runner(job, services, lambda: False).run(watched=False)
    except SQLAlchemyError as error:
        log.info("rehearsal_cancelled", reason=str(error)[:200])
    finally:
        session.rollback()
        session.close()
        store.close()
        del REGISTRY[NAME]
