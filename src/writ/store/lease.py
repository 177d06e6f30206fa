"""Duties of which one process at a time takes care, whichever machine it runs on."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog
from sqlalchemy import String, Table, insert, or_, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column

from writ.store.base import Base, UtcDateTime, now
from writ.store.work import Store

log = structlog.get_logger(__name__)


class LeaseRow(Base):
    """Who takes care of a duty, and until when unless it says so again."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(120))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


_LEASES: Table = LeaseRow.__table__  # type: ignore[assignment]


class DutyLost(Exception):
    """Another process has taken the duty over; what was to be written now must not be."""


class Lease:
    """The right to take care of one duty. It ends `seconds` after its owner was last heard of."""

    def __init__(self, store: Store, name: str, seconds: float = 10.0) -> None:
        self.store, self.name, self.seconds = store, name, seconds
        self.owner = f"{socket.gethostname()[:60]}/{os.getpid()}/{secrets.token_hex(4)}"

    def take(self) -> bool:
        """Take or renew the lease; False while another process has it."""
        moment = now()
        values = {"owner": self.owner, "expires_at": moment + timedelta(seconds=self.seconds)}
        with self.store.begin() as session:
            taken = session.execute(
                update(_LEASES)
                .where(
                    _LEASES.c.name == self.name,
                    or_(_LEASES.c.owner == self.owner, _LEASES.c.expires_at <= moment),
                )
                .values(values)
                .returning(_LEASES.c.name)
            ).first()
            if taken is not None:
                return True
        try:
            with self.store.begin() as session:
                session.execute(insert(_LEASES).values(name=self.name, **values))
        except IntegrityError:
            return False
        return True

    def fence(self, session: Session) -> None:
        """Renew the lease in the same unit of work, so that what it writes counts only while it is held.

        Raises:
            DutyLost: it is not any more.
        """
        held = session.execute(
            update(_LEASES)
            .where(_LEASES.c.name == self.name, _LEASES.c.owner == self.owner)
            .values(expires_at=now() + timedelta(seconds=self.seconds))
            .returning(_LEASES.c.name)
        ).first()
        if held is None:
            raise DutyLost(self.name)

    def give_back(self) -> None:
        """End the lease now, so that the next process need not wait."""
        with self.store.begin() as session:
            session.execute(
                update(_LEASES)
                .where(_LEASES.c.name == self.name, _LEASES.c.owner == self.owner)
                .values(expires_at=now())
            )

    @contextmanager
    def held(self, stop: threading.Event) -> Iterator[bool]:
        """Wait for the lease, keep it while the block runs, and give it back. False when `stop` came first.

        It is renewed in a thread, three times in its length; what the block writes is to be fenced as well.
        """
        while not self._try_take():
            if stop.wait(min(1.0, self.seconds / 3)):
                yield False
                return
        over = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(over,), name=f"lease-{self.name}", daemon=True)
        keeper.start()
        try:
            yield True
        finally:
            over.set()
            keeper.join()
            try:
                self.give_back()
            except SQLAlchemyError:
                log.warning("lease_not_given_back", duty=self.name, exc_info=True)

    def _try_take(self) -> bool:
        try:
            return self.take()
        except SQLAlchemyError:
            log.warning("lease_not_taken", duty=self.name, exc_info=True)
            return False

    def _keep(self, over: threading.Event) -> None:
        while not over.wait(self.seconds / 3):
            self._try_take()
