"""The engine of deliveries: an event loop that posts, and a thread beside it that reads and writes the rows.

Deliveries are written by the transaction that numbers their events (`fanout`), and passed on in memory when
it is committed; what does not fit there stays in the rows and is read when its lane has room. A turn of the
thread writes what became of attempts, all in one transaction, and reads what is due. Nothing in the database
says "under way": whoever dies leaves rows that are due, and the next engine sends them again, under the same
message id.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

import structlog
import uvloop
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from writ.contract.errors import Refusal
from writ.events import ledger
from writ.events.alarms import alarm
from writ.events.bodies import Bodies
from writ.events.disabling import FAILING_REASON, GONE_REASON, disable
from writ.events.envelope import PREFIX
from writ.events.fanout import FanOut
from writ.events.housekeeping import Housekeeper
from writ.events.lanes import Item, Lane
from writ.events.ledger import Due, Result
from writ.events.payload import render
from writ.events.retry import next_delay
from writ.events.sender import Outcome, Sender
from writ.events.sequencer import NumberedEvent
from writ.events.webhook_models import DELIVERED, FAILED, RETRYING
from writ.settings import Settings
from writ.store.base import new_id
from writ.store.batch import read_time, time_text
from writ.store.lease import Lease
from writ.store.secrets import SealBroken, Sealer
from writ.store.work import Store

log = structlog.get_logger(__name__)

LANES_A_TURN = 64
EVENTS_AT_A_TIME = 100
IDLE_SECONDS = 0.05
"""How long the thread rests when there is nothing to do."""

BUSY_SECONDS = 0.02
"""How long it rests otherwise, so that a turn has something to carry."""

SUBSCRIPTIONS_SECONDS = 1.0
"""How often the subscriptions are compared, beside every time that an event comes."""

AWAY_SECONDS = 1.0
"""The pause after the database was away."""

STOP_SECONDS = 5.0
"""How long attempts under way get to end when the process is told to stop."""

HEALTHY_CONNECTIONS, SICK_CONNECTIONS = 512, 64
"""Attempts under way in all: to endpoints that answer, and to those that have failed lately."""

LATE_PART = 2
"""Beside the first attempts that are read for a lane, half as many late ones are."""

GONE = 410
"""The status by which a receiver says that it wants to hear no more."""


@dataclass(slots=True)
class _Wanted:
    """Rows to be read for a lane."""

    lane: str
    ordered: bool
    first: int
    late: int


@dataclass(slots=True)
class _Turn:
    """What a turn of the thread did and found."""

    versions: dict[str, int] | None = None
    changed: list[ledger.Subscription] = field(default_factory=list)
    due: list[tuple[str, ledger.DueRows]] = field(default_factory=list)
    bodies: dict[str, bytes] = field(default_factory=dict)
    disabled: list[str] = field(default_factory=list)


class WebhookEngine:
    """Delivers for all subscriptions while its process holds the lease (`pump.Engine`)."""

    def __init__(self, settings: Settings, store: Store, sealer: Sealer, lease: Lease) -> None:
        self._settings, self._store, self._sealer, self._lease = settings, store, sealer, lease
        self._bodies = Bodies()
        self._fan_out = FanOut(settings.public_url, self._bodies)
        self._lanes: dict[str, Lane] = {}
        self._results: list[Result] = []
        self._broken: dict[str, int] = {}
        self._compared = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()

    def take(self, session: Session, events: Sequence[NumberedEvent]) -> None:
        """Write the deliveries of events in the unit of work that numbers them."""
        self._fan_out.take(session.connection(), events)

    def wake(self) -> None:
        """What `take` wrote is committed."""
        self._fan_out.committed()
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it is closed: the end has come
                loop.call_soon_threadsafe(self._receive)

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set and `wake` called.

        Raises DutyLost when another process has taken over.
        """
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._run(stop))

    async def _run(self, stop: threading.Event) -> None:
        self._healthy = asyncio.Semaphore(HEALTHY_CONNECTIONS)
        self._ill = asyncio.Semaphore(SICK_CONNECTIONS)
        self._sender = Sender(self._settings.trusted_networks)
        self._loop = loop = asyncio.get_running_loop()
        over = asyncio.Event()
        keeper = asyncio.create_task(Housekeeper(self._store, self._settings).run(over))
        thread = ThreadPoolExecutor(1, "webhook-rows")
        try:
            while not stop.is_set():
                try:
                    busy = await self._turn(loop, thread)
                    await self._rest(BUSY_SECONDS if busy else IDLE_SECONDS)
                except SQLAlchemyError:
                    log.warning("webhooks_wait", seconds=AWAY_SECONDS, exc_info=True)
                    await asyncio.sleep(AWAY_SECONDS)
            self._stopping = True
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
            await self._turn(loop, thread, last=True)
        finally:
            self._stopping, self._loop = True, None
            over.set()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(keeper, *self._tasks, return_exceptions=True)
            await self._sender.close()
            thread.shutdown()

    async def _rest(self, seconds: float) -> None:
        if seconds == BUSY_SECONDS:
            await asyncio.sleep(seconds)
            return
        # A result ends the rest: its row must not wait, and its lane may have more.
        self._woken.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)

    async def _turn(
        self, loop: asyncio.AbstractEventLoop, thread: ThreadPoolExecutor, last: bool = False
    ) -> bool:
        results, self._results = self._results, []
        wanted = [] if last else self._wanted()
        # Whatever is sent goes where the row of its webhook says now, and is signed with the secret there.
        old = time.monotonic() - self._compared >= SUBSCRIPTIONS_SECONDS
        compare = not last and (old or bool(wanted))
        if not (results or wanted or compare):
            return False
        try:
            turn = await loop.run_in_executor(thread, self._in_thread, results, wanted, compare)
        except BaseException:
            self._results = results + self._results
            for want in wanted:
                if (lane := self._lanes.get(want.lane)) is not None:
                    lane.backlog = True
            raise
        self._take_over(turn, results)
        return bool(results or turn.due)

    def _in_thread(self, results: Sequence[Result], wanted: Sequence[_Wanted], compare: bool) -> _Turn:
        turn = _Turn()
        if results:
            with self._store.begin() as session:
                self._lease.fence(session)
                ledger.write_results(session.connection(), results)
                turn.disabled = disable(session, _to_disable(results))
                alarm(session, [UUID(r.subscription_id) for r in results if r.status == FAILED])
        if compare or wanted:
            connection = self._store.thread_reader()
            if compare:
                self._compare(connection, turn)
            moment = time_text(time.time())
            for want in wanted:
                due = ledger.read_due(
                    connection, want.lane, moment, ordered=want.ordered, first=want.first, late=want.late
                )
                turn.due.append((want.lane, due))
            self._fetch(connection, turn)
        return turn

    def _fetch(self, connection: Connection, turn: _Turn) -> None:
        """Make the payloads that are not kept; without one the event is gone."""
        ids = dict.fromkeys(row.event_id for _, due in turn.due for row in due.rows)
        missing = []
        for key in ids:
            body = self._bodies.get(key)
            if body is None:
                missing.append(key)
            else:
                turn.bodies[key] = body
        for start in range(0, len(missing), EVENTS_AT_A_TIME):
            for event in ledger.read_events(connection, missing[start : start + EVENTS_AT_A_TIME]):
                key, body = event.id.hex, render(event, self._settings.public_url)
                self._bodies.put(key, body)
                turn.bodies[key] = body

    def _compare(self, connection: Connection, turn: _Turn) -> None:
        turn.versions = ledger.read_versions(connection)
        known = {key: lane.version for key, lane in list(self._lanes.items())} | self._broken
        if any(known.get(key) != version for key, version in turn.versions.items()):
            turn.changed = [s for s in ledger.read_subscriptions(connection) if known.get(s.id) != s.version]

    # In the loop.

    def _wanted(self) -> list[_Wanted]:
        moment = time.time()
        found = []
        for lane in self._lanes.values():
            if lane.active and lane.wants_rows(moment):
                # What is known is among what is due: so many more rows are read.
                first = lane.room() + len(lane.known)
                found.append(_Wanted(lane.id, lane.ordered, first, first // LATE_PART))
                lane.backlog, lane.retry_at = False, None
                if len(found) == LANES_A_TURN:
                    break
        return found

    def _take_over(self, turn: _Turn, results: Sequence[Result]) -> None:
        for result in results:
            lane = self._lanes.get(result.subscription_id)
            if lane is not None:
                lane.known.discard(result.id)
                if lane.ordered:
                    lane.backlog = True
        if turn.versions is not None:
            self._compared = time.monotonic()
            for subscription in turn.changed:
                self._make_lane(subscription)
            turn.disabled += [key for key in self._lanes if key not in turn.versions]
        for key in turn.disabled:
            if (lane := self._lanes.pop(key, None)) is not None:
                lane.active = False
                lane.clear()
        for key, due in turn.due:
            if (lane := self._lanes.get(key)) is not None:
                self._queue(lane, due, turn.bodies)
        for lane in self._lanes.values():
            if lane.waiting:
                self._set_to_work(lane)

    def _make_lane(self, subscription: ledger.Subscription) -> None:
        lane = self._lanes.get(subscription.id)
        try:
            if lane is None:
                self._lanes[subscription.id] = Lane(subscription, self._sealer)
            else:
                lane.update(subscription)
                lane.failures = 0
            self._broken.pop(subscription.id, None)
        except SealBroken:
            self._broken[subscription.id] = subscription.version
            self._lanes.pop(subscription.id, None)
            log.error("webhook_secret_broken", webhook=subscription.id)

    def _receive(self) -> None:
        """Take what was just written into the lanes."""
        inbox, touched = self._fan_out.inbox, set()
        while inbox:
            fresh = inbox.popleft()
            lane = self._lanes.get(fresh.subscription)
            if lane is None:
                # It was made a moment ago, or is disabled: the next turn knows.
                self._compared = 0.0
            elif lane.version != fresh.version:
                # Its address or its secret is another one now: the next turn knows, and reads the row.
                self._compared = 0.0
                lane.backlog = True
            elif fresh.item is None or lane.backlog:
                # While older rows wait in the database, newer ones do not overtake them.
                lane.backlog = True
            elif lane.add(fresh.item):
                touched.add(lane)
        for lane in touched:
            self._set_to_work(lane)
        self._woken.set()

    def _queue(self, lane: Lane, due: ledger.DueRows, bodies: Mapping[str, bytes]) -> None:
        for row in due.rows:
            if row.id in lane.known:
                continue
            body = bodies.get(row.event_id)
            if body is None:
                lane.known.add(row.id)
                self._results.append(_given_up(lane.id, row))
            elif not lane.add(Item(row.id, f"{PREFIX}{row.event_id}", row.event_type, body, row.attempts)):
                break
        lane.backlog = lane.backlog or due.more
        if due.next_retry_at is not None:
            seconds = read_time(due.next_retry_at).timestamp()
            lane.retry_at = seconds if lane.retry_at is None else min(lane.retry_at, seconds)

    def _set_to_work(self, lane: Lane) -> None:
        for _ in range(min(lane.at_a_time - lane.workers, lane.waiting)):
            lane.workers += 1
            task = asyncio.get_running_loop().create_task(self._work(lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self, lane: Lane) -> None:
        try:
            while lane.active and not self._stopping and lane.workers <= lane.at_a_time:
                item = lane.take()
                if item is None:
                    return
                if (pause := lane.pause()) > 0:
                    await asyncio.sleep(pause)
                async with self._ill if lane.sick else self._healthy:
                    if not lane.active or self._stopping:
                        lane.known.discard(item.delivery_id)
                        return
                    outcome = await self._attempt(lane, item)
                self._settle(lane, item, outcome)
        finally:
            lane.workers -= 1

    async def _attempt(self, lane: Lane, item: Item) -> Outcome:
        if lane.target is None:
            try:
                lane.target = self._sender.target(lane.url)
            except Refusal as refusal:
                return Outcome(new_id(), None, None, refusal.message[:300], None, 0, time.time())
        try:
            return await self._sender.post(
                lane.target, lane.signer, item.message_id, item.event_type, item.body
            )
        except Exception:
            # A delivery that nobody foresaw how it fails must not end its lane.
            log.exception("webhook_attempt_broke", webhook=lane.id, delivery=item.delivery_id)
            return Outcome(new_id(), None, None, "The attempt failed unexpectedly.", None, 0, time.time())

    def _settle(self, lane: Lane, item: Item, outcome: Outcome) -> None:
        number = item.attempts + 1
        result = Result(
            item.delivery_id,
            lane.id,
            DELIVERED,
            number,
            outcome.attempt_id.hex,
            time_text(outcome.moment),
            None,
            outcome.status,
            outcome.body,
            outcome.milliseconds,
            outcome.error,
            outcome.success,
        )
        lane.count(outcome.success)
        if lane.waiting and lane.workers < lane.at_a_time:
            self._set_to_work(lane)
        if not outcome.success:
            self._plan_retry(lane, result, outcome)
        self._results.append(result)
        self._woken.set()

    def _plan_retry(self, lane: Lane, result: Result, outcome: Outcome) -> None:
        result.gone = outcome.status == GONE
        delay = None
        if not result.gone:
            delay = next_delay(lane.policy, result.number, outcome.status, outcome.retry_after)
        if delay is None:
            result.status = FAILED
        else:
            result.status = RETRYING
            at = outcome.moment + delay
            result.next_at = time_text(at)
            lane.retry_at = at if lane.retry_at is None else min(lane.retry_at, at)
        log.warning(
            "webhook_failed",
            webhook=lane.id,
            delivery=result.id,
            attempt=result.number,
            status=outcome.status,
            error=outcome.error,
            next_attempt_at=result.next_at,
        )


def _to_disable(results: Sequence[Result]) -> dict[str, str]:
    found = {r.subscription_id: GONE_REASON for r in results if r.gone}
    for r in results:
        if not r.success:
            found.setdefault(r.subscription_id, FAILING_REASON)
    return found


def _given_up(lane_id: str, row: Due) -> Result:
    moment = time_text(time.time())
    reason = "The event is no longer kept."
    number = max(1, row.attempts)
    return Result(
        row.id, lane_id, FAILED, number, new_id().hex, moment, None, None, None, None, reason, False
    )
