"""Every line comes into the log once, whoever dies in between, and whoever else collects."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError

from tests.records.entries import Log, line
from writ.records import collecting
from writ.records.collecting import Collector
from writ.records.models import AuditEntry, Journal, PendingEntry, Seal
from writ.records.recorder import Duty, Recording
from writ.store.base import now
from writ.store.lease import DutyLost, Lease, LeaseRow

pytestmark = pytest.mark.requirement("S1-61", "S1-98")


def test_reads_and_changes_come_together_in_one_sealed_block(log: Log) -> None:
    log.answer([1, 3])
    log.change(2)
    log.collect()
    assert log.numbers() == [1, 2, 3]
    found = log.verify()
    assert (found.fault, found.seals, found.rows) == (None, 1, 3)
    with log.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(PendingEntry)) == 0
    log.collect()
    assert log.numbers() == [1, 2, 3]
    assert log.verify().seals == 1, "nothing new is no seal"


def test_it_goes_on_in_the_middle_of_a_file(log: Log) -> None:
    log.answer([1, 2])
    log.collect()
    log.answer([3])
    again = Collector(log.store, log.lease, log.folder)
    while again.move():
        pass
    assert log.numbers() == [1, 2, 3]


def test_batches_are_small_and_nothing_is_left_out_between_them(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "CHUNK", 4096)
    log.collector.size = 50
    monkeypatch.setattr(collecting, "MOST_ROWS", 50)
    log.answer(range(1, 151))
    for number in range(151, 231):
        log.change(number)
    log.collect()
    assert log.numbers() == list(range(1, 231))
    with log.store.read() as connection:
        assert connection.scalar(select(func.max(Seal.row_count))) <= 50
    assert log.verify().fault is None


def test_a_long_transaction_makes_the_next_batch_smaller(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "LONG_SECONDS", 0.0)
    log.answer(range(1, 301))
    log.collector.move()
    assert log.collector.size == 150
    monkeypatch.setattr(collecting, "LONG_SECONDS", 60.0)
    log.answer(range(301, 401))
    log.collector.move()
    assert log.collector.size == 300


def test_the_journal_of_a_process_that_is_gone_is_read_to_its_end_and_deleted(log: Log) -> None:
    log.answer([1])
    log.collect()
    (path,) = log.folder.glob("*.journal")
    log.answer([2])
    log.journal.close()
    log.collect()
    assert not path.exists()
    log.collect()
    assert log.numbers() == [1, 2]


def test_a_journal_whose_deletion_was_missed_is_not_read_again(log: Log) -> None:
    log.answer([1])
    (path,) = log.folder.glob("*.journal")
    data = path.read_bytes()
    log.journal.close()
    log.collect()
    path.write_bytes(data)
    log.collect()
    assert log.numbers() == [1]
    assert not path.exists()
    with log.store.begin() as session:
        session.execute(update(Journal).values(finished_at=now() - timedelta(days=2)))
    log.collector.forget()
    with log.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(Journal)) == 0


def test_half_a_line_waits_while_its_process_lives(log: Log) -> None:
    log.answer([1])
    (path,) = log.folder.glob("*.journal")
    with path.open("ab") as handle:
        handle.write(line(2)[:50])
        handle.flush()
        log.collect()
        assert log.numbers() == [1]
        handle.write(line(2)[50:])
    log.collect()
    assert log.numbers() == [1, 2]


def test_half_a_line_of_a_dead_process_is_kept_beside(log: Log) -> None:
    log.answer([1])
    (path,) = log.folder.glob("*.journal")
    with path.open("ab") as handle:
        handle.write(b"[1,2")
    log.journal.close()
    log.collect()
    assert log.numbers() == [1]
    assert not path.exists()
    assert path.with_suffix(".torn").read_bytes() == b"[1,2"


@pytest.mark.parametrize("bad", [b"\0\0\0\0\n", b"[1]\n", b'["x"]\n', b"[9,1]\n", b"{}\n", b"\r\n"])
def test_an_unreadable_line_stops_nothing(log: Log, bad: bytes) -> None:
    log.answer([1])
    log.journal.append(bad)
    log.answer([2])
    log.collect()
    assert log.numbers() == [1, 2]
    (torn,) = log.folder.glob("*.torn")
    assert torn.read_bytes() == bad


def test_a_call_that_is_recorded_twice_is_in_the_log_once(log: Log) -> None:
    log.change(1, status_code=201)
    log.collect()
    log.answer([1, 2, 2], status_code=503)
    log.collect()
    assert log.numbers() == [1, 2]
    with log.store.read() as connection:
        statuses = connection.scalars(select(AuditEntry.status_code).order_by(AuditEntry.id)).all()
    assert statuses == [201, 503]
    assert log.verify().fault is None


def test_who_died_before_the_commit_has_moved_nothing(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.answer([1])
    log.change(2)
    append = collecting.append

    def die(*arguments: object) -> None:
        append(*arguments)  # type: ignore[arg-type]
        raise OperationalError("COMMIT", {}, Exception("gone"))

    monkeypatch.setattr(collecting, "append", die)
    with pytest.raises(OperationalError):
        log.collector.move()
    monkeypatch.undo()
    assert log.numbers() == []
    log.collect()
    assert log.numbers() == [1, 2]


def test_who_lost_the_lease_writes_nothing(log: Log) -> None:
    log.answer([1])
    second = Lease(log.store, "recorder")
    with log.store.begin() as session:
        session.execute(update(LeaseRow).values(expires_at=now() - timedelta(seconds=1)))
    assert second.take()
    with pytest.raises(DutyLost):
        log.collector.move()
    assert log.numbers() == []
    Collector(log.store, second, log.folder).move()
    assert log.numbers() == [1]


def test_two_that_gathered_the_same_move_it_once(log: Log) -> None:
    log.answer([1])
    log.change(2)
    with log.store.read() as connection:
        stale = log.collector._gather(connection)
    log.collect()
    with pytest.raises((collecting.Overtaken, collecting.IntegrityError)):
        log.collector._write(stale)
    assert log.numbers() == [1, 2]
    assert log.verify().fault is None


def test_two_recorders_at_once(log: Log) -> None:
    log.lease.give_back()
    log.answer(range(1, 400))
    stopped = threading.Event()

    def record() -> None:
        lease = Lease(log.store, "recorder", seconds=1)
        while not stopped.is_set():
            with lease.held(stopped) as here:
                if here:
                    Recording(log.settings, log.store, lease).work(stopped)

    threads = [threading.Thread(target=record) for _ in range(2)]
    for thread in threads:
        thread.start()
    for start in range(400, 1000, 50):
        log.answer(range(start, start + 50))
        log.change(start + 1000)
    waited = threading.Event()
    for _ in range(200):
        if len(log.numbers()) == 999 + 12:
            break
        waited.wait(0.05)
    stopped.set()
    for thread in threads:
        thread.join(20)
    assert len(log.numbers()) == 999 + 12
    assert log.verify().fault is None


def test_what_is_left_is_recorded_before_the_end_and_a_failing_duty_stops_nothing(log: Log) -> None:
    done: list[str] = []

    def fail() -> None:
        done.append("fail")
        raise RuntimeError("no")

    log.answer(range(1, 1201))
    stopped = threading.Event()
    stopped.set()
    duties = [Duty("fail", fail, 0.0), Duty("later", lambda: done.append("later"), 3600.0)]
    Recording(log.settings, log.store, log.lease, duties).work(stopped)
    assert len(log.numbers()) == 1200
    assert set(done) == {"fail"}
