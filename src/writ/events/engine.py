"""The engine of deliveries: an event loop that posts, and one thread that reads and writes the rows.

A turn of the thread is one transaction: what became of attempts is written, new events get their numbers and
become rows, one for each subscription that wants them. A payload is made once and kept beside its rows; what
does not fit into memory stays in the rows and is read when its lane has room. Nothing in the database says
"under way": whoever dies leaves rows that are due, and the next engine sends them again, under the same
message id.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from yarl import URL

from writ.contract.errors import Refusal
from writ.events import ledger
from writ.events.disabling import FAILING_REASON, GONE_REASON, disable
from writ.events.lanes import Item, Lane
from writ.events.ledger import Due, Result
from writ.events.matching import matches_type, passes
from writ.events.payload import Told, render
from writ.events.retry import next_delay
from writ.events.sender import Outcome, Sender
from writ.events.webhook_models import DELIVERED, FAILED, RETRYING
from writ.settings import Settings
from writ.store.base import new_id
from writ.store.batch import read_time, time_text
from writ.store.lease import Lease
from writ.store.secrets import SealBroken, Sealer
from writ.store.work import Store

log = structlog.get_logger(__name__)

EVENTS_A_TURN = 200
LANES_A_TURN = 64
IDLE_SECONDS = 0.05
"""How long the thread rests when there is nothing to do: so late an event is seen at most."""

BUSY_SECONDS = 0.01
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

    written: int = 0
    versions: dict[str, int] | None = None
    fresh: list[tuple[str, Item]] = field(default_factory=list)
    due: list[tuple[str, list[Due], str | None]] = field(default_factory=list)
    disabled: list[str] = field(default_factory=list)
    in_order: set[str] = field(default_factory=set)
    events: int = 0


class Engine:
    """Delivers for all subscriptions while its process holds the lease."""

    def __init__(self, settings: Settings, store: Store, sealer: Sealer, lease: Lease) -> None:
        self._settings, self._store, self._sealer, self._lease = settings, store, sealer, lease
        self._lanes: dict[str, Lane] = {}
        self._results: list[Result] = []
        self._bodies: dict[UUID, bytes] = {}
        self._broken: dict[str, int] = {}
        self._compared = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._healthy = asyncio.Semaphore(HEALTHY_CONNECTIONS)
        self._ill = asyncio.Semaphore(SICK_CONNECTIONS)
        self._stopping = False
        self._wake = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set. Raises DutyLost when another process has taken over."""
        self._sender = Sender(self._settings.trusted_networks)
        thread = ThreadPoolExecutor(1, "webhook-rows")
        loop = asyncio.get_running_loop()
        try:
            while not stop.is_set():
                try:
                    busy = await self._turn(loop, thread)
                    pause = BUSY_SECONDS if busy else IDLE_SECONDS
                except SQLAlchemyError:
                    log.warning("webhooks_database_away", exc_info=True)
                    pause = AWAY_SECONDS
                await self._rest(stop, pause)
            self._stopping = True
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
            await self._turn(loop, thread, last=True)
        finally:
            self._stopping = True
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._sender.close()
            thread.shutdown()

    async def _rest(self, stop: asyncio.Event, seconds: float) -> None:
        if seconds == IDLE_SECONDS:
            # A result ends the rest: its row must not wait, and its lane may have more.
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), seconds)
            except TimeoutError:
                pass
        elif not stop.is_set():
            await asyncio.sleep(seconds)

    async def _turn(
        self, loop: asyncio.AbstractEventLoop, thread: ThreadPoolExecutor, last: bool = False
    ) -> bool:
        results, self._results = self._results, []
        wanted = [] if last else self._wanted()
        try:
            turn = await loop.run_in_executor(thread, self._in_thread, results, wanted, last)
        except BaseException:
            self._results = results + self._results
            raise
        self._take_over(turn, results)
        return bool(turn.written or turn.events or turn.due)

    # In the thread.

    def _in_thread(self, results: Sequence[Result], wanted: Sequence[_Wanted], last: bool) -> _Turn:
        turn = _Turn()
        compare = time.monotonic() - self._compared >= SUBSCRIPTIONS_SECONDS
        with self._store.read() as connection:
            unnumbered = not last and ledger.has_unnumbered(connection)
        if results or unnumbered:
            with self._store.begin() as session:
                self._lease.fence(session)
                connection = session.connection()
                if results:
                    ledger.write_results(connection, results)
                    turn.disabled = disable(session, _to_disable(results))
                    turn.written = len(results)
                if unnumbered:
                    events = ledger.number_events(connection, EVENTS_A_TURN)
                    self._compare(connection, turn)
                    ledger.write_deliveries(connection, self._spread(events, turn))
                    turn.events = max(1, len(events))
        if (compare and turn.versions is None) or wanted:
            with self._store.read() as connection:
                if compare and turn.versions is None:
                    self._compare(connection, turn)
                moment = time_text(time.time())
                for want in wanted:
                    due, at = ledger.read_due(
                        connection,
                        want.lane,
                        moment,
                        ordered=want.ordered,
                        first=want.first,
                        late=want.late,
                    )
                    turn.due.append((want.lane, due, at))
        return turn

    def _compare(self, connection: Connection, turn: _Turn) -> None:
        # The lanes are only changed by the loop while this thread rests.
        versions = ledger.read_versions(connection)
        turn.versions = versions
        self._compared = time.monotonic()
        for key, version in versions.items():
            lane = self._lanes.get(key)
            if (lane.version if lane is not None else self._broken.get(key)) != version:
                for subscription in ledger.read_subscriptions(connection):
                    if self._is_new(subscription):
                        self._make_lane(subscription)
                break
        for key in [key for key in self._lanes if key not in versions]:
            self._lanes[key].active = False

    def _is_new(self, subscription: ledger.Subscription) -> bool:
        lane = self._lanes.get(subscription.id)
        known = lane.version if lane is not None else self._broken.get(subscription.id)
        return known != subscription.version

    def _make_lane(self, subscription: ledger.Subscription) -> None:
        lane = self._lanes.get(subscription.id)
        try:
            if lane is None:
                self._lanes[subscription.id] = Lane(subscription, self._sealer)
            else:
                lane.update(subscription)
                lane.failures, lane.active = 0, True
        except SealBroken:
            self._broken[subscription.id] = subscription.version
            self._lanes.pop(subscription.id, None)
            log.error("webhook_secret_broken", webhook=subscription.id)

    def _spread(self, events: Sequence[Told], turn: _Turn) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = []
        moment = time_text(time.time())
        lanes: dict[tuple[UUID, str], list[Lane]] = {}
        for event in events:
            key = (event.organization_id, event.type)
            if (found := lanes.get(key)) is None:
                found = lanes[key] = [
                    lane
                    for lane in self._lanes.values()
                    if lane.active
                    and lane.organization_id == event.organization_id
                    and matches_type(event.type, lane.event_types)
                ]
            body: bytes | None = None
            for lane in found:
                if lane.filters and not passes(event, lane.filters):
                    continue
                delivery = new_id().hex
                subject = event.subject if lane.ordered else None
                rows.append((delivery, lane.id, event.id.hex, event.type, event.position, subject, moment))
                if lane.ordered:
                    turn.in_order.add(lane.id)
                    continue
                if body is None:
                    body = render(event, self._settings.public_url)
                turn.fresh.append((lane.id, Item(delivery, event.message_id, event.type, body, 0)))
        return rows

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
        for key in [key for key, lane in self._lanes.items() if not lane.active] + turn.disabled:
            lane = self._lanes.pop(key, None)
            if lane is not None:
                lane.active = False
                lane.clear()
        for key in turn.in_order:
            if (lane := self._lanes.get(key)) is not None:
                lane.backlog = True
        for key, item in turn.fresh:
            if (lane := self._lanes.get(key)) is not None:
                # While older rows wait in the database, newer ones do not overtake them.
                if lane.backlog and lane.waiting:
                    continue
                lane.add(item)
        for key, due, at in turn.due:
            if (lane := self._lanes.get(key)) is not None:
                self._queue(lane, due, at)
        for lane in self._lanes.values():
            if lane.waiting:
                self._set_to_work(lane)

    def _queue(self, lane: Lane, due: Sequence[Due], at: str | None) -> None:
        for row in due:
            if row.id in lane.known:
                continue
            if row.event is None:
                lane.known.add(row.id)
                self._results.append(_given_up(lane.id, row))
                continue
            body = self._bodies.get(row.event.id)
            if body is None:
                if len(self._bodies) > 256:
                    self._bodies.clear()
                body = self._bodies[row.event.id] = render(row.event, self._settings.public_url)
            if not lane.add(Item(row.id, row.event.message_id, row.event.type, body, row.attempts)):
                break
            # There may be more than was read; a look that finds nothing new ends it.
            lane.backlog = True
        if at is not None:
            seconds = read_time(at).timestamp()
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
        target: URL = lane.target
        return await self._sender.post(target, lane.signer, item.message_id, item.event_type, item.body)

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
        if outcome.success:
            lane.failures = 0
        else:
            lane.failures += 1
            self._plan_retry(lane, result, outcome)
        self._results.append(result)
        self._wake.set()

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
