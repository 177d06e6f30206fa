"""What the script decides, on a real Redis with a clock that the tests move."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from math import floor
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.storage import memory as limits_memory
from limits.strategies import SlidingWindowCounterRateLimiter

from tests.gateway.limits.conftest import EPOCH, Ask, burst, steady
from writ.gateway.limits.counter import ADMITTED, REFUSED

few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
gaps = st.lists(
    st.one_of(st.integers(0, 40), st.integers(0, 3000), st.sampled_from([0, 1000, 2000, 5000, 9999, 10000])),
    min_size=1,
    max_size=60,
)


@pytest.fixture
def oracle_clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=EPOCH / 1000)
    monkeypatch.setattr(limits_memory, "time", SimpleNamespace(time=lambda: clock.now))
    return clock


@pytest.mark.requirement("S3-95", "S3-212", "S3-213", "S3-214")
@given(amount=st.integers(1, 12), seconds=st.sampled_from([1, 2, 5, 10]), gaps=gaps)
@few
def test_steady_rules_agree_with_limits(
    ask: Ask, oracle_clock: SimpleNamespace, amount: int, seconds: int, gaps: list[int]
) -> None:
    """The oracle is `limits`. One difference: it rounds the weighted count down before it compares, and so
    admits while less than one request is left; here a whole one has to be left.
    """
    rule, now = steady(amount, seconds), EPOCH
    item = RateLimitItemPerSecond(amount, seconds)
    oracle = SlidingWindowCounterRateLimiter(MemoryStorage())
    length = seconds * 1000
    for gap in gaps:
        now += gap
        oracle_clock.now = now / 1000
        before, _, count, _ = oracle.storage.get_sliding_window(item.key_for("x"), seconds)  # type: ignore[attr-defined]
        left = length - now % length
        weighted = Fraction(before * left, length) + count
        decision = ask([rule], now)
        admitted = decision.status == ADMITTED
        assert admitted == (weighted + 1 <= amount)
        if admitted != oracle.test(item, "x"):
            assert not admitted
            assert amount - 1 < weighted < amount
        if admitted:
            assert oracle.hit(item, "x")
        found = decision.counts[0]
        assert found.remaining == max(0, floor(amount - weighted - admitted))
        assert found.reset == now + left, "the end of the aligned window"


@pytest.mark.requirement("S0-43", "S0-51", "S3-96")
@given(amount=st.integers(1, 80), gaps=gaps)
@few
def test_bursts_agree_with_a_bucket(ask: Ask, amount: int, gaps: list[int]) -> None:
    """The model is a bucket that is filled evenly, from empty to full in ten seconds."""
    rule, now, tokens = burst(amount), EPOCH, Fraction(amount)
    for gap in gaps:
        now += gap
        tokens = min(Fraction(amount), tokens + Fraction(gap * amount, 10_000))
        admitted = tokens >= 1
        tokens -= admitted
        decision = ask([rule], now)
        assert (decision.status == ADMITTED) == admitted
        assert decision.counts[0].remaining == floor(tokens)
    assert ask([rule], now + 10_000, look=True).counts[0].remaining == amount


@pytest.mark.requirement("S0-53", "S1-57", "S3-211")
@given(
    first=st.tuples(st.integers(1, 8), st.sampled_from([1, 2, 5]), st.sampled_from([0, 16])),
    second=st.tuples(st.integers(1, 20), st.sampled_from([5, 10])),
    at_once=st.integers(1, 20),
    gaps=gaps,
)
@few
def test_retry_after_is_true(
    ask: Ask, first: tuple[int, int, int], second: tuple[int, int], at_once: int, gaps: list[int]
) -> None:
    """Waiting as long as a refusal says is enough, and a second less (even a millisecond less) is not."""
    rules, now = [steady(*first), steady(*second), burst(at_once)], EPOCH
    for gap in gaps:
        now += gap
        decision = ask(rules, now)
        wait = max(count.wait for count in decision.counts)
        assert (decision.status == REFUSED) == (wait > 0)
        if decision.status == REFUSED:
            seconds = -(-wait // 1000)
            assert ask(rules, now + seconds * 1000, look=True).status == ADMITTED
            assert ask(rules, now + (seconds - 1) * 1000, look=True).status == REFUSED
            assert ask(rules, now + wait, look=True).status == ADMITTED
            assert ask(rules, now + wait - 1, look=True).status == REFUSED


def test_a_refused_request_takes_from_no_rule(ask: Ask) -> None:
    wide, narrow, quick = steady(10, 60), steady(3, 60), burst(5)
    asked = [ask([wide, quick, narrow], EPOCH) for _ in range(6)]
    assert [decision.status for decision in asked] == [ADMITTED] * 3 + [REFUSED] * 3
    assert [count.remaining for count in ask([wide, quick, narrow], EPOCH, look=True).counts] == [7, 2, 0]


def test_looking_counts_nothing(ask: Ask) -> None:
    rule = steady(2, 60)
    assert [ask([rule], EPOCH, look=True).counts[0].remaining for _ in range(4)] == [2] * 4
    assert ask([rule], EPOCH).counts[0].remaining == 1


@pytest.mark.parametrize("rule", [steady(100, 3600), burst(100)], ids=["steady", "burst"])
def test_many_threads_never_get_more_than_the_limit(ask: Ask, rule: object) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: ask([rule], EPOCH).status, range(8 * 40)))
    assert found.count(ADMITTED) == 100


@pytest.mark.requirement("S3-98")
def test_an_amount_grows_with_its_use_up_to_its_ceiling(ask: Ask) -> None:
    rule = steady(10, 10, ceiling=35)
    grown = []
    for window in range(4):
        at = EPOCH + window * 10_000 + 9_999
        while (decision := ask([rule], at)).status == ADMITTED:
            pass
        grown.append(decision.counts[0].amount)
    assert grown == [10, 20, 35, 35]
    assert ask([rule], EPOCH + 60_000, look=True).counts[0].amount == 10, "who rests begins again"


def test_a_clock_that_goes_back_a_little_gives_nothing_away(ask: Ask) -> None:
    rule = steady(3, 10)
    assert [ask([rule], EPOCH).status for _ in range(4)] == [ADMITTED] * 3 + [REFUSED]
    assert ask([rule], EPOCH - 5).status == REFUSED
    assert ask([rule], EPOCH).status == REFUSED


def test_redis_tells_the_time(ask: Ask) -> None:
    decision = ask([steady(3, 3600)])
    assert decision.now > EPOCH - 10 * 365 * 86_400_000
    assert decision.counts[0].reset % 3_600_000 == 0
    assert 0 < decision.counts[0].reset - decision.now <= 3_600_000
