"""Wrong passwords slow down whoever sends them, and then are refused.

Counted for the e-mail and for the network address, each on its own: FREE_FAILURES within WINDOW cost nothing,
then every further one must wait twice as long as the one before, FIRST_WAIT up to LONGEST_WAIT. A subject is
forgotten WINDOW after its last wait ended, or when a login succeeds.

An attempt is counted before its password is looked at, in a unit of work of its own: so it stays counted when
the request is refused and rolled back, and a hundred attempts at once get no further than a hundred in a row.
Nobody sleeps in a server thread; the wait is the caller's, told in Retry-After.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from sqlalchemy import Dialect, Row, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from writ_contract.errors import RATE_LIMITED

from writ.access.models import LoginAttempts
from writ.contract.errors import Refusal
from writ.gateway.limits.subjects import network_of
from writ.store.base import now
from writ.store.work import Store

FREE_FAILURES = 5
WINDOW = timedelta(minutes=15)
FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=15)


def subjects_of(email: str, address: str | None, key: bytes) -> tuple[str, ...]:
    """What an attempt is counted under: one keyed hash for the e-mail, then one for the address.

    `email` is in its normal form. An IPv6 address stands for its /64, which one customer usually has whole.
    Keyed, because the plain hash of an e-mail is found by hashing a list of e-mails.
    """
    names = [f"email:{email}"]
    if address:
        names.append(f"address:{network_of(address)}")
    return tuple(_keyed_hash(name, key) for name in names)


def count_attempt(store: Store, subjects: Sequence[str]) -> None:
    """Count one attempt for each subject, committed at once.

    Raises Refusal RATE_LIMITED, counting nothing, while one of them has to wait.
    """
    with store.begin() as session:
        at = now()
        rows = _lock(session, subjects, at)
        until = max((row.blocked_until for row in rows if row.blocked_until), default=at)
        if until > at:
            raise _must_wait(until - at)
        for row in rows:
            _count(session, row, at)


def forget_attempts(session: Session, subjects: Sequence[str]) -> None:
    """Forget what was counted for the subjects: their login succeeded, or its password was set anew."""
    for subject in subjects:  # one by one, in the order in which `_lock` takes them
        session.execute(delete(LoginAttempts).where(LoginAttempts.subject == subject))


def purge_attempts(session: Session) -> int:
    """Delete what no longer changes an answer and return how many rows."""
    # Rows that a login has locked are skipped (PostgreSQL): it uses them, and might wait for a row of ours.
    over = LoginAttempts.last_at < now() - WINDOW - LONGEST_WAIT
    chosen = select(LoginAttempts.subject).where(over).with_for_update(skip_locked=True)
    gone = delete(LoginAttempts).where(LoginAttempts.subject.in_(chosen.scalar_subquery()))
    return len(session.execute(gone.returning(LoginAttempts.subject)).all())


def wait_after(failures: int) -> timedelta:
    """How long to wait after so many failures in a row."""
    if failures < FREE_FAILURES:
        return timedelta(0)
    doublings = min(failures - FREE_FAILURES, 30)
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


def _lock(session: Session, subjects: Sequence[str], at: datetime) -> Sequence[Row[Any]]:
    # One statement makes the missing rows and locks the others: no gap in which a row is deleted. Everybody
    # locks the e-mail first, then the address, so that no two wait for each other.
    values = [{"subject": s, "failures": 0, "first_at": at, "last_at": at} for s in subjects]
    insert: Any = _insert_of(session.get_bind().dialect)
    statement = insert(LoginAttempts.__table__).values(values)
    statement = statement.on_conflict_do_update(
        index_elements=["subject"], set_={"subject": statement.excluded.subject}
    )
    rows: Sequence[Row[Any]] = session.execute(statement.returning(*LoginAttempts.__table__.columns)).all()
    return rows


def _insert_of(dialect: Dialect) -> Any:
    return postgresql.insert if dialect.name == "postgresql" else sqlite.insert


def _count(session: Session, row: Row[Any], at: datetime) -> None:
    lapsed = (row.blocked_until or row.first_at) + WINDOW <= at
    failures = 1 if lapsed else row.failures + 1
    wait = wait_after(failures)
    session.execute(
        update(LoginAttempts)
        .where(LoginAttempts.subject == row.subject)
        .values(
            failures=failures,
            first_at=at if lapsed else row.first_at,
            last_at=at,
            blocked_until=at + wait if wait else None,
        )
    )


def _must_wait(wait: timedelta) -> Refusal:
    seconds = max(1, ceil(wait.total_seconds()))
    return Refusal(
        RATE_LIMITED,
        f"Too many failed logins. Try again in {seconds} seconds.",
        headers={"Retry-After": str(seconds)},
        details={"retry_after_seconds": seconds},
    )


def _keyed_hash(name: str, key: bytes) -> str:
    message = b"login-attempts\0" + name.encode("utf-8", "surrogatepass")
    return hmac.new(key, message, hashlib.sha256).hexdigest()
