from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from tests.access.conftest import Clock
from writ.access import throttle
from writ.access.models import LoginAttempts
from writ.contract.errors import Refusal
from writ.store.work import Store

SUBJECTS = throttle.subjects_of("ada@example.com", "192.0.2.1", b"key")


def refused_after(store: Store, subjects: tuple[str, ...]) -> int:
    with pytest.raises(Refusal) as refusal:
        throttle.count_attempt(store, subjects)
    assert refusal.value.code == "RATE_LIMITED"
    seconds = int(refusal.value.headers["Retry-After"])
    assert refusal.value.details == {"retry_after_seconds": seconds}
    return seconds


def test_the_sixth_attempt_in_a_row_waits_and_every_further_one_twice_as_long(
    store: Store, clock: Clock
) -> None:
    for _ in range(5):
        throttle.count_attempt(store, SUBJECTS)
    waits = []
    for _ in range(10):
        waits.append(refused_after(store, SUBJECTS))
        clock.forward(timedelta(seconds=waits[-1]))
        throttle.count_attempt(store, SUBJECTS)
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]


def test_a_refused_attempt_is_not_counted(store: Store, clock: Clock) -> None:
    for _ in range(5):
        throttle.count_attempt(store, SUBJECTS)
    assert [refused_after(store, SUBJECTS) for _ in range(4)] == [5, 5, 5, 5]


def test_five_failures_spread_over_more_than_the_window_cost_nothing(store: Store, clock: Clock) -> None:
    for _ in range(12):
        throttle.count_attempt(store, SUBJECTS)
        clock.forward(timedelta(minutes=4))


def test_a_subject_is_forgotten_a_window_after_its_wait(store: Store, clock: Clock) -> None:
    for _ in range(5):
        throttle.count_attempt(store, SUBJECTS)
    clock.forward(throttle.FIRST_WAIT + throttle.WINDOW - timedelta(seconds=1))
    throttle.count_attempt(store, SUBJECTS)
    assert refused_after(store, SUBJECTS) == 10
    clock.forward(timedelta(seconds=10) + throttle.WINDOW)
    for _ in range(5):
        throttle.count_attempt(store, SUBJECTS)


def test_email_and_address_are_counted_each_on_its_own(store: Store, clock: Clock) -> None:
    for n in range(5):
        throttle.count_attempt(store, throttle.subjects_of("ada@example.com", f"192.0.2.{n}", b"key"))
    for n in range(5):
        throttle.count_attempt(store, throttle.subjects_of(f"user{n}@example.com", "198.51.100.7", b"key"))
    refused_after(store, throttle.subjects_of("ada@example.com", "203.0.113.1", b"key"))
    refused_after(store, throttle.subjects_of("new@example.com", "198.51.100.7", b"key"))
    throttle.count_attempt(store, throttle.subjects_of("new@example.com", "203.0.113.1", b"key"))


def test_a_success_forgets(store: Store, clock: Clock) -> None:
    for _ in range(5):
        throttle.count_attempt(store, SUBJECTS)
    with store.begin() as session:
        throttle.forget_attempts(session, SUBJECTS)
    throttle.count_attempt(store, SUBJECTS)


def test_many_attempts_at_once_get_no_further_than_one_after_the_other(store: Store, clock: Clock) -> None:
    def attempt(n: int) -> bool:
        # The same e-mail from two addresses: their rows are locked in different pairs.
        subjects = throttle.subjects_of("ada@example.com", f"192.0.2.{n % 2}", b"key")
        try:
            throttle.count_attempt(store, subjects)
        except Refusal:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        allowed = list(pool.map(attempt, range(40)))
    assert sum(allowed) == 5


def test_logins_and_purges_at_once_do_not_wait_for_each_other_for_ever(store: Store) -> None:
    def one(n: int) -> None:
        subjects = throttle.subjects_of(f"user{n % 3}@example.com", f"192.0.2.{n % 2}", b"key")
        try:
            throttle.count_attempt(store, subjects)
        except Refusal:
            return
        with store.begin() as session:
            throttle.forget_attempts(session, subjects)
            throttle.purge_attempts(session)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(60)))


def test_purge_deletes_only_what_no_longer_counts(store: Store, clock: Clock) -> None:
    throttle.count_attempt(store, ("old",))
    clock.forward(throttle.WINDOW + throttle.LONGEST_WAIT + timedelta(seconds=1))
    throttle.count_attempt(store, ("new",))
    with store.begin() as session:
        assert throttle.purge_attempts(session) == 1
        assert session.execute(select(LoginAttempts.subject)).scalars().all() == ["new"]


def test_purge_does_not_wait_for_a_row_in_use(store: Store, clock: Clock) -> None:
    if store.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    throttle.count_attempt(store, ("old",))
    clock.forward(timedelta(hours=1))
    with store.begin() as login, store.begin() as purge:
        throttle._lock(login, ("old",), clock())
        purge.execute(text("SET LOCAL lock_timeout = '2s'"))
        assert throttle.purge_attempts(purge) == 0


def test_nothing_readable_is_kept(store: Store, clock: Clock) -> None:
    throttle.count_attempt(store, SUBJECTS)
    with store.read() as connection:
        kept = connection.execute(select(LoginAttempts.subject)).scalars().all()
        assert connection.execute(select(func.count()).select_from(LoginAttempts)).scalar_one() == 2
    assert all(len(subject) == 64 for subject in kept)
    assert kept != list(throttle.subjects_of("ada@example.com", "192.0.2.1", b"another key"))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("testclient", "testclient", True),
    ],
)
def test_an_ipv6_network_is_one_address(one: str, other: str, same: bool) -> None:
    subjects = [set(throttle.subjects_of("", address, b"key")) for address in (one, other)]
    assert (subjects[0] == subjects[1]) is same
