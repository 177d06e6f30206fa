"""The threads between the event loop and the handlers."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from writ.gateway.threads import Threads


def test_results_reach_those_who_asked() -> None:
    threads = Threads(4)

    async def ask() -> list[int]:
        return await asyncio.gather(*(threads.run(lambda n: n * n, number) for number in range(2000)))

    assert asyncio.run(ask()) == [number * number for number in range(2000)]


def test_an_error_reaches_the_one_who_asked() -> None:
    async def ask() -> None:
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 // 0)
        with pytest.raises(RuntimeError, match="StopIteration"):
            await threads.run(next, iter(()))
        assert await threads.run(lambda: "after it") == "after it"

    threads = Threads(1)
    asyncio.run(ask())


def test_no_more_calls_at_once_than_threads() -> None:
    threads = Threads(3)
    lock, now, most = threading.Lock(), 0, 0

    def work() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.005)
        with lock:
            now -= 1

    async def ask() -> None:
        await asyncio.gather(*(threads.run(work) for _ in range(30)))

    asyncio.run(ask())
    assert most == 3


def test_what_was_cancelled_while_it_waited_is_not_begun() -> None:
    threads = Threads(1)
    begun: list[str] = []
    hold = threading.Event()

    async def ask() -> None:
        first = threads.run(hold.wait, 5)
        second = threads.run(begun.append, "second")
        second.cancel()
        hold.set()
        await first
        await threads.run(begun.append, "third")

    asyncio.run(ask())
    assert begun == ["third"]


def test_a_result_that_nobody_wants_any_more_harms_nobody() -> None:
    threads = Threads(1)

    async def ask() -> str:
        abandoned = threads.run(time.sleep, 0.02)
        await asyncio.sleep(0.005)
        abandoned.cancel()
        return await threads.run(lambda: "the next one")

    assert asyncio.run(ask()) == "the next one"


def test_each_loop_is_served() -> None:
    threads = Threads(2)

    async def ask(number: int) -> int:
        return await threads.run(lambda: number)

    assert [asyncio.run(ask(number)) for number in range(3)] == [0, 1, 2]
