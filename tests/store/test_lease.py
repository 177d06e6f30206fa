"""One process at a time takes care of a duty, and whoever lost it writes nothing any more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from writ.store.base import Base, now
from writ.store.lease import DutyLost, Lease, LeaseRow
from writ.store.work import Store


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store = Store(database_url)
    Base.metadata.create_all(store.engine, tables=[LeaseRow.__table__])  # type: ignore[list-item]
    yield store
    store.close()


def expire(store: Store) -> None:
    with store.begin() as session:
        session.execute(update(LeaseRow).values(expires_at=now() - timedelta(seconds=1)))


def test_the_second_waits_until_the_first_gives_it_back(store: Store) -> None:
    first, second = Lease(store, "duty"), Lease(store, "duty")
    assert first.take()
    assert not second.take()
    assert first.take()
    first.give_back()
    assert second.take()


def test_whoever_was_silent_for_too_long_is_replaced_and_fenced_off(store: Store) -> None:
    first, second = Lease(store, "duty"), Lease(store, "duty")
    assert first.take()
    expire(store)
    assert second.take()
    with pytest.raises(DutyLost), store.begin() as session:
        first.fence(session)
    with store.begin() as session:
        second.fence(session)


def test_it_is_renewed_while_it_is_held_and_given_back(store: Store) -> None:
    lease = Lease(store, "duty", seconds=0.3)
    with lease.held(threading.Event()) as here:
        assert here
        expire(store)
        renewed = threading.Event()
        for _ in range(100):
            with store.read() as connection:
                if connection.execute(select(LeaseRow.expires_at)).scalar_one() > now():
                    break
            renewed.wait(0.05)
        else:
            pytest.fail("the lease was not renewed")
    assert Lease(store, "duty").take()


def test_waiting_for_it_ends_when_it_is_told_to(store: Store) -> None:
    assert Lease(store, "duty").take()
    stop = threading.Event()
    stop.set()
    with Lease(store, "duty").held(stop) as here:
        assert not here
