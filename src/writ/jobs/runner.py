"""The runner: carries one attempt at a job from its claim to its end, or as far as it may."""

from __future__ import annotations

import errno
import time
import traceback
from collections.abc import Callable
from typing import Any, Protocol, TypeVar
from uuid import UUID

import structlog
from redis import Redis
from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from writ.contract.errors import Refusal
from writ.jobs.context import JobContext
from writ.jobs.ending import settle
from writ.jobs.keeper import Keeper
from writ.jobs.kinds import REGISTRY, Kind
from writ.jobs.ledger import claim, fenced, mark_step, write_log
from writ.jobs.models import CANCELLED, FAILED, PENDING, QUEUED, RUNNING, SUCCEEDED, UNDONE, Job, JobStep
from writ.jobs.signals import LeaseLost, Reason, Stopped, StopSignal
from writ.jobs.transport import hand_over
from writ.settings import Settings
from writ.store.base import now
from writ.store.work import Store

log = structlog.get_logger(__name__)

LOST = "lost"
RETRY_PAUSE_SECONDS = 0.2
T = TypeVar("T")


class JobServices(Protocol):
    """What the runner needs of the services that steps are given."""

    @property
    def settings(self) -> Settings:
        """The settings of this process."""
        ...

    @property
    def store(self) -> Store:
        """The database."""
        ...

    @property
    def redis(self) -> Redis:
        """The queue's Redis, not connected yet."""
        ...


def run_job(
    services: JobServices, job_id: UUID, *, owner: str, hand_back: Callable[[], bool] = lambda: False
) -> str | None:
    """Claim a job and carry it out.

    `owner` names this process, for people; `hand_back` says whether it was told to stop. Returns the job's
    state afterwards (a final one, or `queued` when it was handed back), `lost` when another attempt took it
    over, None when there was nothing to claim.
    """
    settings = services.settings
    job = claim(services.store, job_id, owner=owner, lease_seconds=settings.lease_seconds)
    if job is None:
        return None
    begun = time.monotonic()
    state = Runner(job, services, hand_back).run()
    log.info(
        "job_" + state,
        job_id=str(job_id),
        kind=job.kind,
        attempt=job.attempt,
        seconds=round(time.monotonic() - begun, 3),
    )
    return state


class Runner:
    """One attempt at a job that has been claimed."""

    def __init__(self, job: Job, services: JobServices, hand_back: Callable[[], bool]) -> None:
        self.job = job
        self.kind: Kind | None = REGISTRY.get(job.kind)
        self.store = services.store
        self.settings = services.settings
        self.hand_back = hand_back
        self.context = JobContext(job, services.store, services)
        self.states: list[str] = []
        self.reached = job.progress
        self.unwinding = job.ending is not None
        self.keeper = Keeper(
            services.store,
            self.context,
            lease_seconds=services.settings.lease_seconds,
            percent=self._percent,
            hand_back=hand_back,
        )

    def run(self, *, watched: bool = True) -> str:
        """Carry the job as far as this attempt gets; see `run_job` for what is returned.

        Without `watched` nobody renews the lease or notices a cancellation: for rehearsals.
        """
        if watched:
            self.keeper.start()
        try:
            with self.store.read() as connection:
                query = select(JobStep.status).where(JobStep.job_id == self.job.id).order_by(JobStep.position)
                self.states = list(connection.execute(query).scalars())
            if self.kind is None or len(self.kind.steps) != len(self.states):
                message = f"This version does not know jobs of the kind {self.job.kind} with these steps."
                return self._fail(None, Refusal("INTERNAL_ERROR", message))
            return self._carry_on(self.kind)
        except LeaseLost:
            return LOST
        finally:
            self.keeper.finish()

    # -- forward

    def _carry_on(self, kind: Kind) -> str:
        if self.job.ending is not None:
            return self._unwind(self.job.ending)
        exhausted = self.job.losses >= (kind.max_attempts or self.settings.job_max_attempts)
        cut_off = self.states.index(RUNNING) if RUNNING in self.states else None
        if exhausted or (cut_off is not None and not kind.steps[cut_off].repeatable):
            return self._fail(cut_off, Refusal("WORKER_LOST"))
        if cut_off is not None:
            self.context.log(
                f"The step {kind.steps[cut_off].name} was cut off; it is undone and repeated.", "warning"
            )
            self._undo(cut_off)
            self.states[cut_off] = PENDING
        position = self.states.index(PENDING)
        if self._turn(begin=position):
            return self._cancel(None)
        while True:
            if self.hand_back() and self.states[position] == PENDING:
                return self._hand_back(None)
            ended = self._do(position)
            if ended is not None:
                return ended
            if position + 1 == len(kind.steps):
                return self._succeed(position)
            if self._turn(done=position, begin=position + 1):
                return self._cancel(None)
            position += 1

    def _do(self, position: int) -> str | None:
        """Do one step. Returns None when it has succeeded, else the state that the job ended in."""
        step = self._kind.steps[position]
        self._watch(step.name, step.timeout_seconds, may_hand_back=step.repeatable)
        try:
            step.do(self.context)
        except Exception as error:
            self._unwatch()
            reason = error.reason if isinstance(error, Stopped) else self.context.signal.reason
            if reason is Reason.LEASE_LOST:
                raise LeaseLost from error
            if reason is Reason.CANCELLED:
                return self._cancel(position)
            if reason is Reason.HAND_BACK:
                return self._hand_back(position)
            if reason is Reason.TIMEOUT:
                return self._fail(position, Refusal("STEP_TIMEOUT"))
            return self._fail(position, self._refusal(error))
        self._unwatch()
        if self.keeper.lost:
            raise LeaseLost
        return None

    def _turn(self, *, done: int | None = None, begin: int) -> bool:
        """Mark a step succeeded and the next one running; True when a cancellation stands against the next.

        When this worker was told to stop, the next step is not begun either; its state then stays pending.
        """

        def write(session: Session) -> bool:
            values = {"data": dict(self.context.data), "backup_id": self.context.backup_id}
            after = begin if done is None else done + 1
            asked = fenced(
                session,
                self.job.id,
                self.job.attempt,
                **values,
                progress=self._kind.percent(after),
                version=Job.version + 1,
            )
            if done is not None:
                mark_step(session, self.job.id, done, SUCCEEDED)
            if asked is None and not stopping:
                mark_step(session, self.job.id, begin, RUNNING)
            return asked is not None

        stopping = self.hand_back()
        cancelled = self._write(write)
        if done is not None:
            self.states[done] = SUCCEEDED
        self.states[begin] = PENDING if cancelled or stopping else RUNNING
        return cancelled

    def _succeed(self, position: int) -> str:
        def write(session: Session) -> None:
            mark_step(session, self.job.id, position, SUCCEEDED)
            self._end(session, SUCCEEDED)

        try:
            self._write(write)
        except LeaseLost:
            raise
        except Exception as error:
            return self._fail(position, self._refusal(error))
        return SUCCEEDED

    # -- backward

    def _fail(self, position: int | None, refusal: Refusal) -> str:
        self.context.log(refusal.message, "error")
        return self._decide(FAILED, position, refusal)

    def _cancel(self, position: int | None) -> str:
        self.context.log("The job was cancelled.", "warning")
        return self._decide(CANCELLED, position, Refusal("JOB_CANCELLED"))

    def _decide(self, ending: str, position: int | None, refusal: Refusal) -> str:
        """Write how the job is going to end, so that whoever takes over goes on undoing; then undo."""

        def write(session: Session) -> None:
            fenced(
                session,
                self.job.id,
                self.job.attempt,
                ending=ending,
                error_code=refusal.code,
                error_message=refusal.message,
                data=dict(self.context.data),
                backup_id=self.context.backup_id,
                version=Job.version + 1,
            )
            if position is not None:
                mark_step(session, self.job.id, position, ending)

        self._write(write)
        if position is not None:
            self.states[position] = ending
        return self._unwind(ending)

    def _unwind(self, ending: str) -> str:
        """Undo what was done, last step first, then end the job; a failing undo does not stop the others."""
        self.unwinding = True
        self.keeper.watch_cancellation = False
        attempts = (self.kind.max_attempts if self.kind else None) or self.settings.job_max_attempts
        give_up = self.kind is None or self.job.losses >= 2 * attempts
        if give_up and any(state not in (PENDING, UNDONE) for state in self.states):
            self.context.log("The job ends without undoing the rest of its steps.", "error")
        for position in reversed(range(0 if give_up else len(self.states))):
            if self.states[position] in (PENDING, UNDONE):
                continue
            if self.hand_back():
                return self._hand_back(None)
            if self._undo(position) and self.states[position] == SUCCEEDED:
                self._write(lambda session, at=position: self._mark(session, at, UNDONE))  # type: ignore[misc]
                self.states[position] = UNDONE
        self._write(lambda session: self._end(session, ending))
        return ending

    def _undo(self, position: int) -> bool:
        """Undo one step; False when it has no undo, or its undo failed, which the log then says."""
        step = self._kind.steps[position]
        if step.undo is None:
            return False
        self._watch(step.name, step.timeout_seconds, may_hand_back=False)
        watched, self.keeper.watch_cancellation = self.keeper.watch_cancellation, False
        try:
            step.undo(self.context)
        except Exception:
            if self.context.signal.reason is Reason.LEASE_LOST:
                raise LeaseLost from None
            self.context.log(f"Undoing {step.name} failed:\n" + traceback.format_exc(), "error")
            return False
        finally:
            self._unwatch()
            self.keeper.watch_cancellation = watched
        if self.keeper.lost:
            raise LeaseLost
        self.context.log("Undone.")
        return True

    def _hand_back(self, position: int | None) -> str:
        """Queue the job again for another worker; it keeps its place and what it holds."""
        undone = position is not None and (self._kind.steps[position].undo is None or self._undo(position))
        self.context.log("The worker stops; the job goes back to the queue.", "warning")

        def write(session: Session) -> None:
            fenced(
                session,
                self.job.id,
                self.job.attempt,
                status=QUEUED,
                lease_owner=None,
                lease_expires_at=None,
                handed_over_at=now(),
                version=Job.version + 1,
            )
            # A step whose undo failed stays running: the next attempt undoes it once more before
            # repeating it.
            if position is not None and undone:
                mark_step(session, self.job.id, position, PENDING)

        self._write(write)
        hand_over([(self.job.id, self.job.attempt)])
        return QUEUED

    # -- what they share

    @property
    def _kind(self) -> Kind:
        if self.kind is None:
            raise RuntimeError("a job of an unknown kind has no steps to run")
        return self.kind

    def _percent(self) -> int:
        # While steps are undone, the progress stands where it was.
        if self.kind is not None and not self.unwinding:
            done = self.states.count(SUCCEEDED)
            self.reached = self.kind.percent(done, self.context.fraction)
        return self.reached

    def _watch(self, name: str, timeout: float | None, *, may_hand_back: bool) -> None:
        self.context.step, self.context.fraction = name, 0.0
        self.context.signal = StopSignal(self.context.lease_over)
        self.keeper.deadline = time.monotonic() + (timeout or self.settings.step_timeout_seconds)
        self.keeper.may_hand_back = may_hand_back
        if self.keeper.lost:
            raise LeaseLost

    def _unwatch(self) -> None:
        self.keeper.deadline = None
        self.keeper.may_hand_back = False

    def _mark(self, session: Session, position: int, status: str) -> None:
        fenced(session, self.job.id, self.job.attempt, version=Job.version + 1)
        mark_step(session, self.job.id, position, status)

    def _end(self, session: Session, status: str) -> None:
        values: dict[str, Any] = {"progress": 100} if status == SUCCEEDED else {}
        fenced(
            session,
            self.job.id,
            self.job.attempt,
            status=status,
            finished_at=now(),
            lease_owner=None,
            lease_expires_at=None,
            data=dict(self.context.data),
            result=(self.context.result or None) if status == SUCCEEDED else None,
            backup_id=self.context.backup_id,
            version=Job.version + 1,
            **values,
        )
        job = session.scalars(select(Job).where(Job.id == self.job.id)).one()
        settle(session, job)

    def _refusal(self, error: Exception) -> Refusal:
        """What a step's exception means to who ordered the job; a bug's traceback goes into the log."""
        if isinstance(error, Refusal):
            return error
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or (isinstance(error, OperationalError) and "disk is full" in str(error)):
            return Refusal("DISK_FULL")
        self.context.log("".join(traceback.format_exception(error)), "error")
        return Refusal("INTERNAL_ERROR")

    def _write(self, action: Callable[[Session], T]) -> T:
        """One unit of work of the runner, with the log lines at hand; repeated while the database is away.

        Repeating is safe: every write is fenced and says what is, not what to add.
        """
        give_up_at = time.monotonic() + self.settings.lease_seconds
        while True:
            lines = self.context.take_lines()
            try:
                with self.store.begin() as session:
                    result = action(session)
                    write_log(session, self.job.id, lines)
                return result
            except (OperationalError, InterfaceError):
                self.context.put_back(lines)
                if self.keeper.lost:
                    raise LeaseLost from None
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(RETRY_PAUSE_SECONDS)
            except BaseException:
                self.context.put_back(lines)
                raise
