"""What Linux is asked to do about parents and orphans (prctl(2)); elsewhere these calls do nothing."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_SET_PDEATHSIG = 1
_SET_CHILD_SUBREAPER = 36
# Loaded here and not in a call: between fork and exec nothing may be loaded.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def signal_on_parent_death(number: signal.Signals) -> None:
    """Have the kernel send this process a signal when the thread that started it is gone."""
    if _libc is not None:
        _libc.prctl(_SET_PDEATHSIG, number, 0, 0, 0)


def die_with_parent(parent: int, number: signal.Signals = signal.SIGTERM) -> None:
    """As `signal_on_parent_death`, for a new process whose parent may have died before it could ask."""
    signal_on_parent_death(number)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies, so that none is lost from sight."""
    if _libc is not None:
        _libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
