"""Prepared selects give what SQLAlchemy gives, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import pytest
from sqlalchemy import bindparam, select, text
from sqlalchemy.exc import OperationalError, ProgrammingError, SQLAlchemyError

from writ.jobs.models import Job
from writ.store.base import Base, new_id
from writ.store.prepared import Prepared
from writ.store.work import Store

COLUMNS = (
    Job.id,
    Job.kind,
    Job.site_id,
    Job.locks,
    Job.parameters,
    Job.result,
    Job.created_at,
    Job.started_at,
    Job.sequence,
)
ONE = select(*COLUMNS).where(Job.id == bindparam("id"), Job.system == "hosting")


@pytest.fixture
def store(database_url: str) -> Store:
    store = Store(database_url)
    Base.metadata.create_all(store.engine)
    return store


def _add(store: Store, **values: object) -> Job:
    with store.begin() as session:
        job = Job(id=new_id(), system="hosting", kind="test", **values)
        session.add(job)
    return job


def test_rows_are_those_of_sqlalchemy(store: Store) -> None:
    elsewhere = timezone(timedelta(hours=2))
    at = datetime(2026, 3, 1, 12, 30, 15, 123456, elsewhere)
    full = _add(store, site_id=uuid4(), locks=["a"], parameters={"é": [1]}, result={"n": 1}, created_at=at)
    bare = _add(store, created_at=datetime(2026, 3, 1, tzinfo=UTC))
    with store.read() as connection:
        for job in (full, bare):
            expected = dict(connection.execute(ONE, {"id": job.id}).mappings().one())
            assert Prepared(ONE).dicts(connection, {"id": job.id}) == [expected]
        assert Prepared(ONE).first(connection, {"id": uuid4()}) is None
        found = Prepared(ONE).dicts(connection, {"id": full.id})[0]
    assert found["created_at"] == at
    assert found["created_at"].utcoffset() == timedelta(0)


def test_a_raw_column_can_be_compared_with_itself(store: Store) -> None:
    job = _add(store)
    prepared = Prepared(ONE, raw=frozenset(("id",)))
    with store.read() as connection:
        first, second = (prepared.dicts(connection, {"id": job.id})[0]["id"] for _ in range(2))
    assert first == second


def test_errors_are_those_of_sqlalchemy(store: Store) -> None:
    prepared = Prepared(ONE)
    with store.engine.begin() as connection:
        connection.execute(text("DROP TABLE jobs" + ("" if "sqlite" in store.url else " CASCADE")))
    with store.read() as connection, pytest.raises((OperationalError, ProgrammingError)) as caught:
        prepared.all(connection, {"id": uuid4()})
    assert isinstance(caught.value, SQLAlchemyError)


def test_one_statement_serves_several_engines(store: Store) -> None:
    job, other = _add(store), Store(store.url)
    prepared = Prepared(ONE)
    for each in (store, other, store):
        with each.read() as connection:
            assert prepared.dicts(connection, {"id": job.id})[0]["kind"] == "test"
    other.close()


def test_a_thread_keeps_its_reader_until_it_breaks(store: Store) -> None:
    reader = store.thread_reader()
    assert store.thread_reader() is reader
    reader.invalidate()
    again = store.thread_reader()
    assert again is not reader
    assert again.scalar(text("SELECT 1")) == 1
    store.close()
    assert store.thread_reader() is not again
