"""The process `writ pump`: numbers the events and tells them to webhooks; of several, one works."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import suppress

import structlog
import uvloop

from writ.events.engine import Engine
from writ.events.housekeeping import Housekeeper
from writ.settings import Settings
from writ.store.lease import DutyLost, Lease
from writ.store.secrets import Sealer
from writ.store.work import Store

log = structlog.get_logger(__name__)

DUTY = "pump"


def run_pump(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT, whenever this process holds the lease of the pump."""
    told = threading.Event()
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def stop(*_: object) -> None:
        told.set()
        for loop, event in loops:
            loop.call_soon_threadsafe(event.set)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    store = Store(settings.database, pool_size=3)
    sealer = Sealer(settings.secret())
    try:
        while not told.is_set():
            lease = Lease(store, DUTY, settings.lease_seconds)
            with lease.held(told) as held:
                if not held:
                    return
                log.info("pump_working")
                with suppress(DutyLost):
                    uvloop.run(_work(Engine(settings, store, sealer, lease), store, settings, loops, told))
                loops.clear()
    finally:
        store.close()


async def _work(
    engine: Engine,
    store: Store,
    settings: Settings,
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]],
    told: threading.Event,
) -> None:
    stop = asyncio.Event()
    loops.append((asyncio.get_running_loop(), stop))
    if told.is_set():
        stop.set()
    keeper = asyncio.create_task(Housekeeper(store, settings).run(stop))
    try:
        await engine.run(stop)
    finally:
        stop.set()
        await asyncio.gather(keeper, return_exceptions=True)
