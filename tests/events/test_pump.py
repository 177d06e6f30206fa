"""The pump: what an engine is told, what happens when it fails, and how the duty passes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests.events.conftest import tell
from tests.support.product import running_product
from writ.events import pump
from writ.events.models import Event, Notification
from writ.events.notifications import notify
from writ.events.organization import DEFAULT_ORGANIZATION_ID
from writ.events.pump import run_pump
from writ.events.sequencer import NumberedEvent
from writ.settings import Settings
from writ.store.base import now
from writ.store.lease import Lease, LeaseRow
from writ.store.work import Store


class Engine:
    """Writes a notification for each event, and keeps what it was told."""

    def __init__(self) -> None:
        self.taken: list[NumberedEvent] = []
        self.woken = 0
        self.fail = False
        self.running = threading.Event()
        self.ended = threading.Event()
        self.leases: list[Lease] = []

    def take(self, session: Session, events: Sequence[NumberedEvent]) -> None:
        for event in events:
            notify(
                session,
                organization_id=DEFAULT_ORGANIZATION_ID,
                kind="seen",
                title=str(event.position),
                message="",
            )
        if self.fail:
            raise RuntimeError("the engine does not like it")
        self.taken += events

    def wake(self) -> None:
        self.woken += 1

    def run(self, stop: threading.Event) -> None:
        self.running.set()
        stop.wait()
        self.ended.set()

    def make(self, _settings: Settings, _store: Store, lease: Lease) -> Engine:
        self.leases.append(lease)
        return self


@contextmanager
def pumping(store: Store, engine: Engine) -> Iterator[threading.Event]:
    """A pump in a thread; the event that stops it."""
    stop = threading.Event()
    settings = Settings(database_url=store.url, secret_key="k" * 32)
    thread = threading.Thread(target=lambda: run_pump(settings, engine.make, stop=stop))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it does not come true"
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump, "AWAY_SECONDS", 0.1)


def titles(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.scalars(select(Notification.title).order_by(Notification.created_at)))


def test_the_engine_takes_every_event_once_in_order(store: Store) -> None:
    engine = Engine()
    ids = [tell(store) for _ in range(3)]
    with pumping(store, engine):
        wait_for(lambda: len(engine.taken) == 3)
        ids.append(tell(store))
        wait_for(lambda: len(engine.taken) == 4)
        wait_for(lambda: engine.woken >= 2)
        assert engine.running.is_set()
    assert engine.ended.is_set()
    assert [(event.id, event.position) for event in engine.taken] == list(zip(ids, range(1, 5), strict=True))
    assert titles(store) == ["1", "2", "3", "4"]


def test_what_the_engine_writes_and_the_positions_are_one_transaction(store: Store) -> None:
    engine = Engine()
    engine.fail = True
    tell(store)
    with pumping(store, engine):
        engine.running.wait(20)
        time.sleep(0.3)
        with store.read() as connection:
            assert connection.execute(select(Event.position)).scalars().all() == [None]
        assert titles(store) == []
        engine.fail = False
        wait_for(lambda: len(engine.taken) == 1)
    assert titles(store) == ["1"]


def test_one_pump_at_a_time_and_the_next_takes_over(store: Store) -> None:
    first, second = Engine(), Engine()
    with pumping(store, first) as stop_first:
        wait_for(first.running.is_set)
        with pumping(store, second):
            tell(store)
            wait_for(lambda: len(first.taken) == 1)
            assert not second.running.is_set()
            stop_first.set()
            wait_for(second.running.is_set)
            tell(store)
            wait_for(lambda: len(second.taken) == 1)
    assert [event.position for event in second.taken] == [2]
    assert len(first.taken) == 1


def hand_over(store: Store, other: Lease) -> None:
    """What the database says when the lease of who has the duty ran out and another process took it.

    In one step: given back, the lease would be renewed at the owner's next look, before another takes it.
    """
    with store.begin() as session:
        values = {"owner": other.owner, "expires_at": now() + timedelta(seconds=60)}
        session.execute(update(LeaseRow).where(LeaseRow.name == other.name).values(values))


def test_who_lost_the_duty_stops_its_engine(store: Store) -> None:
    engine, other = Engine(), Lease(store, pump.DUTY)
    with pumping(store, engine):
        wait_for(engine.running.is_set)
        hand_over(store, other)
        tell(store)
        wait_for(engine.ended.is_set)
        assert engine.taken == []
        other.give_back()
        wait_for(lambda: len(engine.taken) == 1)


def test_the_process_gives_positions_and_stops_when_told(tmp_path: Path) -> None:
    with running_product(tmp_path) as product, product.client() as client:
        client.carry_out(client.post("/sites", json={"name": "Shop", "slug": "shop"}))
        wait_for(lambda: len(client.get("/v1/events").json()["data"]) == 2)
        assert product.terminate("pump") == 0
        client.carry_out(client.post("/sites", json={"name": "Other", "slug": "other"}))
        assert len(client.get("/v1/events").json()["data"]) == 2, "who has no position is not seen"
        product.start("pump")
        wait_for(lambda: len(client.get("/v1/events").json()["data"]) == 4)
