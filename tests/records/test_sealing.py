"""What is done to a sealed log is found; pruning is not taken for it; usage says what the log says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Connection, delete, func, insert, select, update

from tests.records.entries import AT, KEY, OTHER, Log, entry_id, row
from writ.records.models import AuditEntry, Seal, UsageHour
from writ.records.retention import prune
from writ.records.sealing import COUNTED, append, usage_of
from writ.store.base import now

Harm = Callable[[Connection], object]
ENTRY = AuditEntry.__table__
SEAL = Seal.__table__


def changed(number: int, **values: object) -> Harm:
    return lambda c: c.execute(update(ENTRY).where(ENTRY.c.id == entry_id(number)).values(**values))


def removed(number: int) -> Harm:
    return lambda c: c.execute(delete(ENTRY).where(ENTRY.c.id == entry_id(number)))


def inserted(number: int, seal: int) -> Harm:
    return lambda c: c.execute(insert(ENTRY), {**row(number), "seal": seal})


def swapped(connection: Connection) -> None:
    for one, seal in ((2, 2), (4, 1)):
        connection.execute(update(ENTRY).where(ENTRY.c.id == entry_id(one)).values(seal=seal))


def exchanged(connection: Connection) -> None:
    """The contents of two rows of one seal."""
    for one, path in ((1, "/two"), (2, "/one")):
        connection.execute(update(ENTRY).where(ENTRY.c.id == entry_id(one)).values(path=path))


def seal_changed(number: int, **values: object) -> Harm:
    return lambda c: c.execute(update(SEAL).where(SEAL.c.number == number).values(**values))


def seal_removed(number: int) -> Harm:
    return lambda c: c.execute(delete(SEAL).where(SEAL.c.number == number))


def renumbered(connection: Connection) -> None:
    """The last seal cut out, and what follows moved up."""
    connection.execute(delete(ENTRY).where(ENTRY.c.seal == 2))
    connection.execute(delete(SEAL).where(SEAL.c.number == 2))
    connection.execute(update(SEAL).where(SEAL.c.number == 3).values(number=2))
    connection.execute(update(ENTRY).where(ENTRY.c.seal == 3).values(seal=2))


HARMS: dict[str, tuple[Harm, int]] = {
    "a field": (changed(4, status_code=201), 2),
    "a field to null": (changed(4, parameters=None), 2),
    "a time": (changed(4, timestamp=AT), 2),
    "an organization": (changed(5, organization_id=OTHER), 3),
    "a key": (changed(5, api_key_id=None), 3),
    "a row deleted": (removed(2), 1),
    "all rows of a seal deleted": (lambda c: c.execute(delete(ENTRY).where(ENTRY.c.seal == 2)), 2),
    "a row inserted": (inserted(9, 2), 2),
    "a row inserted without a seal": (inserted(9, 4), 4),
    "a row inserted before the first seal": (inserted(9, 0), 0),
    "two rows swapped": (swapped, 1),
    "two rows exchanged": (exchanged, 1),
    "the first seal deleted": (seal_removed(1), 1),
    "a seal deleted": (seal_removed(2), 2),
    "the last seal deleted, not its rows": (seal_removed(3), 3),
    "a seal cut out": (renumbered, 2),
    "a seal's digest": (seal_changed(2, digest=bytes(32)), 2),
    "a seal's hash": (seal_changed(3, hash=bytes(32)), 3),
    "a seal's previous hash": (seal_changed(2, previous_hash=bytes(32)), 2),
    "a seal's count": (seal_changed(2, row_count=1), 2),
    "a seal's time": (seal_changed(2, sealed_at=AT), 2),
    "a seal called pruned": (seal_changed(2, pruned_at=now()), 2),
    "the first seal called pruned": (seal_changed(1, pruned_at=now()), 1),
}


@pytest.fixture
def sealed(log: Log) -> Log:
    log.seal(row(1, path="/one"), row(2, path="/two"))
    log.seal(row(3), row(4))
    log.seal(row(5), row(6, api_key_id=None, organization_id=None, parameters=None))
    assert log.verify().fault is None
    return log


@pytest.mark.requirement("S1-06")
def test_whatever_is_done_to_it_is_found(sealed: Log) -> None:
    with sealed.store.read() as connection:
        before = [
            (table, [dict(found) for found in connection.execute(select(table)).mappings()])
            for table in (ENTRY, SEAL)
        ]
    for name, (harm, seal) in HARMS.items():
        with sealed.store.begin() as session:
            harm(session.connection())
        fault = sealed.verify().fault
        assert fault is not None, f"{name} was not found"
        assert fault.seal == seal, (name, fault)
        with sealed.store.begin() as session:
            for table, rows in before:
                session.execute(delete(table))
                session.execute(insert(table), rows)
        assert sealed.verify().fault is None


def test_an_end_that_was_cut_off_is_found_by_an_anchor(sealed: Log) -> None:
    found = sealed.verify()
    assert found.head is not None
    with sealed.store.begin() as session:
        session.execute(delete(ENTRY).where(ENTRY.c.seal == 3))
        session.execute(delete(SEAL).where(SEAL.c.number == 3))
    assert sealed.verify().fault is None, "nothing in the database shows it"
    fault = sealed.verify(found.head).fault
    assert fault is not None
    assert "anchor" in fault.what
    # An earlier seal is an anchor too, however much has come since.
    earlier = sealed.verify().head
    sealed.seal(row(7))
    assert sealed.verify(earlier).fault is None


def test_an_empty_log_is_whole(log: Log) -> None:
    found = log.verify()
    assert (found.fault, found.seals, found.head) == (None, 0, None)


def test_a_second_who_seals_at_the_same_time_fails(sealed: Log) -> None:
    with sealed.store.begin() as session:
        number = append(session.connection(), [row(7)])
    assert number == 4
    with pytest.raises(Exception, match=r"(?i)unique"), sealed.store.begin() as session:
        append(session.connection(), [row(7)])
    assert sealed.verify().fault is None


def age(log: Log, days: int, seals: int) -> None:
    """As if the log had been sealed that long ago; for these tests only, so the chain is made anew."""
    with log.store.begin() as session:
        rows = [dict(found) for found in session.execute(select(ENTRY).order_by(ENTRY.c.id)).mappings()]
        session.execute(delete(ENTRY))
        session.execute(delete(SEAL))
        session.execute(delete(UsageHour))
    with pytest.MonkeyPatch.context() as patch:
        for number in sorted({found["seal"] for found in rows}):
            old = now() - timedelta(days=days if number <= seals else 0)
            patch.setattr("writ.records.sealing.now", lambda at=old: at)
            block = [
                {k: v for k, v in found.items() if k != "seal"} for found in rows if found["seal"] == number
            ]
            log.seal(*block)


def test_old_rows_go_whole_seals_at_a_time_and_the_chain_holds(sealed: Log) -> None:
    age(sealed, 181, seals=2)
    assert prune(sealed.store, sealed.lease, 180) == 4
    assert sealed.numbers() == [5, 6]
    found = sealed.verify()
    assert (found.fault, found.seals, found.pruned, found.rows) == (None, 3, 2, 2)
    assert prune(sealed.store, sealed.lease, 180) == 0
    with sealed.store.read() as connection:
        used = connection.scalar(select(func.sum(UsageHour.requests)))
    assert used == 6, "counts outlive the rows"


def test_pruning_takes_a_few_rows_at_a_time(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        log.seal(row(2 * number), row(2 * number + 1))
    age(log, 181, seals=10)
    monkeypatch.setattr("writ.records.retention.ROWS_AT_ONCE", 5)
    assert prune(log.store, log.lease, 180, rounds=1) == 4
    assert log.verify().fault is None
    assert prune(log.store, log.lease, 180) == 16


def test_rows_that_came_back_after_pruning_are_found(sealed: Log) -> None:
    age(sealed, 181, seals=1)
    prune(sealed.store, sealed.lease, 180)
    with sealed.store.begin() as session:
        inserted(1, 1)(session.connection())
    fault = sealed.verify().fault
    assert fault is not None
    assert fault.seal == 1


@pytest.mark.requirement("S3-148", "S3-136")
def test_usage_is_what_the_log_says(log: Log) -> None:
    log.answer(range(1, 300), api_key_id=None)
    log.answer(range(300, 500), status_code=404, error_code="SITE_NOT_FOUND")
    log.collect()
    log.answer(range(500, 520), operation_id=None, endpoint="/wp-login.php", organization_id=None)
    log.answer(range(520, 530), operation_id=None, endpoint="/.env", organization_id=None, method="BREW")
    log.answer(range(530, 540), method="HEAD", api_key_id=KEY)
    log.change(600, operation_id="delete_site", method="DELETE", status_code=202)
    log.collect()
    keys = [column.name for column in UsageHour.__table__.primary_key.columns]
    with log.store.read() as connection:
        counted = {
            tuple(found[name] for name in keys): [found[name] for name in COUNTED]
            for found in connection.execute(select(UsageHour.__table__)).mappings()
        }
        recomputed = usage_of(connection.execute(select(ENTRY)).mappings())
    assert counted == recomputed
    assert sum(counts[0] for counts in counted.values()) == len(log.numbers())
    strangers = [key for key in counted if key[3] == ""]
    assert {(key[4], key[5]) for key in strangers} == {("", "GET"), ("", "OTHER")}
