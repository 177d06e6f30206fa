"""Positions: gapless, in one order, and nobody sees an event before all that come before it."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests.events.conftest import tell
from writ.events.models import Event, EventLog
from writ.events.purging import purge_events
from writ.events.sequencer import NumberedEvent, Sequencer
from writ.store.base import now
from writ.store.lease import DutyLost, Lease
from writ.store.work import Store


def take_lease(store: Store, name: str = "pump") -> Lease:
    lease = Lease(store, name)
    assert lease.take()
    return lease


def step(sequencer: Sequencer) -> list[NumberedEvent]:
    with sequencer.store.begin() as session:
        return list(sequencer.step(session))


def test_events_get_positions_in_the_order_of_their_commit(store: Store) -> None:
    sequencer = Sequencer(store, take_lease(store), batch=2)
    assert not sequencer.waiting()
    ids = [tell(store) for _ in range(5)]
    assert sequencer.waiting()
    taken = [step(sequencer) for _ in range(4)]
    assert [[event.position for event in events] for events in taken] == [[1, 2], [3, 4], [5], []]
    assert [event.id for events in taken for event in events] == ids
    assert not sequencer.waiting()
    first = taken[0][0]
    assert (first.type, first.data["slug"], first.created_at.tzinfo is not None) == (
        "site.created",
        "shop",
        True,
    )


def test_what_is_rolled_back_leaves_no_event_and_no_gap(store: Store) -> None:
    sequencer = Sequencer(store, take_lease(store))
    tell(store)
    session = store.open_session()
    assert [event.position for event in sequencer.step(session)] == [1]
    session.close()
    tell(store)
    assert [event.position for event in step(sequencer)] == [1, 2]


def test_a_transaction_that_commits_late_comes_later(store: Store) -> None:
    """The lower number of the row is visible after the higher one had its position."""
    if store.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time, so none commits late")
    from tests.events.conftest import SITE, SITE_DATA
    from writ.events.organization import DEFAULT_ORGANIZATION_ID
    from writ.events.publish import publish

    sequencer = Sequencer(store, take_lease(store))
    late = store.open_session()
    slow = publish(
        late,
        "site.created",
        organization_id=DEFAULT_ORGANIZATION_ID,
        subject=f"site:{SITE}",
        data=SITE_DATA,
    )
    quick = tell(store)
    assert [(event.id, event.position) for event in step(sequencer)] == [(quick, 1)]
    store.commit(late)
    assert [(event.id, event.position) for event in step(sequencer)] == [(slow, 2)]


def test_who_has_lost_the_duty_numbers_nothing(store: Store) -> None:
    old = take_lease(store)
    tell(store)
    with store.begin() as session:
        session.execute(update(_leases()).values(expires_at=now() - timedelta(seconds=1)))
    new = take_lease(store)
    with pytest.raises(DutyLost):
        step(Sequencer(store, old))
    assert [event.position for event in step(Sequencer(store, new))] == [1]


def _leases() -> object:
    from writ.store.lease import LeaseRow

    return LeaseRow.__table__


def test_positions_go_on_when_all_events_are_gone(store: Store) -> None:
    sequencer = Sequencer(store, take_lease(store))
    for _ in range(3):
        tell(store)
    step(sequencer)
    assert purge_events(store, now() - timedelta(days=1)) == 0
    assert purge_events(store, now() + timedelta(days=1), sequencer.lease) == 3
    tell(store)
    assert [event.position for event in step(sequencer)] == [4]
    with store.read() as connection:
        log = connection.execute(select(EventLog.last_position, EventLog.purged_position)).one()
    assert tuple(log) == (4, 3)


def test_an_event_without_a_position_is_never_purged(store: Store) -> None:
    tell(store)
    assert purge_events(store, now() + timedelta(days=1)) == 0


def test_many_writers_and_a_sequencer_at_once(store: Store) -> None:
    """Four threads publish while positions are given out; at the end they are 1 to n, each once."""
    sequencer = Sequencer(store, take_lease(store), batch=17)
    writers = [threading.Thread(target=lambda: [tell(store) for _ in range(50)]) for _ in range(4)]
    for writer in writers:
        writer.start()
    seen: list[int] = []
    while any(writer.is_alive() for writer in writers) or sequencer.waiting():
        if sequencer.waiting():
            seen += [event.position for event in step(sequencer)]
    assert seen == list(range(1, 201))
    with store.read() as connection:
        kept = connection.scalars(select(Event.position).order_by(Event.position)).all()
    assert kept == seen
