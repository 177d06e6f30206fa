"""Why a step has to stop, and how it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum


class Reason(Enum):
    """Why a step has to stop."""

    LEASE_LOST = "lease_lost"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    HAND_BACK = "hand_back"


class Stopped(Exception):
    """The step has to stop now; raised by `JobContext.check` and not to be caught by a step."""

    reason: Reason

    def __init__(self) -> None:
        super().__init__(self.reason.value)


class LeaseLost(Stopped):
    """Another attempt may have taken the job over: stop at once and write nothing more."""

    reason = Reason.LEASE_LOST


class Cancelled(Stopped):
    """Somebody cancelled the job."""

    reason = Reason.CANCELLED


class TimedOut(Stopped):
    """The step took longer than it may."""

    reason = Reason.TIMEOUT


class HandBack(Stopped):
    """The worker stops; another one will carry the job on."""

    reason = Reason.HAND_BACK


_EXCEPTIONS: dict[Reason, type[Stopped]] = {
    Reason.LEASE_LOST: LeaseLost,
    Reason.CANCELLED: Cancelled,
    Reason.TIMEOUT: TimedOut,
    Reason.HAND_BACK: HandBack,
}


class StopSignal(threading.Event):
    """A `threading.Event` with a reason: who runs a process for a step kills it when this is set.

    The first reason stays, except that a lost lease goes before every other one. `lease_over` says by the
    clock alone whether the lease has run out: a process that was frozen must not begin anything when it wakes
    up, and its step may be faster than the keeper that would find out from the database.
    """

    def __init__(self, lease_over: Callable[[], bool] = lambda: False) -> None:
        super().__init__()
        self.reason: Reason | None = None
        self._lease_over = lease_over

    def is_set(self) -> bool:
        """Say whether the step has to stop."""
        if not super().is_set() and self._lease_over():
            self.stop(Reason.LEASE_LOST)
        return super().is_set()

    def stop(self, reason: Reason) -> None:
        """Ask the step to stop."""
        if self.reason is None or reason is Reason.LEASE_LOST:
            self.reason = reason
        self.set()

    def check(self) -> None:
        """Raise the `Stopped` of the reason, when there is one."""
        if self.is_set() and self.reason is not None:
            raise _EXCEPTIONS[self.reason]
