"""Claims exclude threads and processes, and are gone with whoever held them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from tests.support.product import ROOT
from writ.records.claims import AdvisoryClaims, claims_of
from writ.store.work import Store

pytestmark = pytest.mark.requirement("S1-34")
HOLD = """
import sys
from writ.records.claims import claims_of
from writ.store.work import Store
claims = claims_of(Store(sys.argv[1], pool_size=1))
print(*(claims.take(int(number)) for number in sys.argv[2:]), flush=True)
for line in sys.stdin:
    claims.give_back(int(line))
    print("given back", flush=True)
"""
LARGEST = (1 << 62) - 1


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    found = Store(database_url, pool_size=2)
    yield found
    found.close()


@contextmanager
def another_process(url: str, *numbers: int) -> Iterator[subprocess.Popen[str]]:
    """A process that takes the claims; the first line of its output says which it got."""
    path = os.pathsep.join((str(ROOT / "src"), str(ROOT / "generated")))
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, url, *map(str, numbers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_number_has_one_claim_at_a_time(store: Store) -> None:
    claims = claims_of(store)
    for number in (0, 1, LARGEST):
        assert claims.take(number)
        assert not claims.take(number)
    claims.give_back(1)
    assert claims.take(1)
    assert not claims.take(0)
    for number in (0, 1, LARGEST):
        claims.give_back(number)


def test_of_many_threads_one_has_the_claim(store: Store) -> None:
    claims = claims_of(store)
    with ThreadPoolExecutor(20) as threads:
        for number in range(20):
            assert sum(threads.map(lambda n: claims.take(n), [number] * 20)) == 1


def test_processes_exclude_each_other(store: Store, database_url: str) -> None:
    claims = claims_of(store)
    assert claims.take(7)
    with another_process(database_url, 7, 8, LARGEST) as other:
        assert said(other) == "False True True"
        assert not claims.take(8)
        assert not claims.take(LARGEST)
        assert claims.take(9), "numbers side by side have nothing to do with each other"
        assert other.stdin is not None
        other.stdin.write("8\n")
        other.stdin.flush()
        assert said(other) == "given back"
        assert claims.take(8)
        assert not claims.take(LARGEST)


def test_a_claim_is_gone_with_its_process(store: Store, database_url: str) -> None:
    claims = claims_of(store)
    with another_process(database_url, 7) as other:
        assert said(other) == "True"
        assert not claims.take(7)
        other.kill()
        other.wait(10)
        assert _soon(lambda: claims.take(7))


def test_a_broken_connection_is_replaced(store: Store) -> None:
    claims = claims_of(store)
    if not isinstance(claims, AdvisoryClaims):
        # Files have no connection; that the process keeps its one descriptor is what counts there.
        assert claims.take(1)
        assert claims_of(Store(store.url)) is claims
        return
    assert claims.take(1)
    ended = text("SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory'")
    with store.read() as connection:
        assert connection.execute(ended).scalar_one() == 1
    assert claims.take(2)
    assert not claims.take(1), "its own thread is still at it"
    claims.give_back(1)
    assert claims.take(1)


def _soon(look: object) -> bool:
    # The server of the database notices within a moment that the other end is gone.
    import time

    assert callable(look)
    give_up_at = time.monotonic() + 5
    while time.monotonic() < give_up_at:
        if look():
            return True
        time.sleep(0.01)
    return False
