"""Run a program with a time limit, so that nothing of it outlives the call, the cancel, or the worker."""

from __future__ import annotations

import contextlib
import functools
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Protocol

from writ.contract.errors import Refusal
from writ.kernel import die_with_parent

POLL_SECONDS = 0.1
GRACE_SECONDS = 5.0
KEPT_STDERR = 64 * 1024
DEFAULT_MAX_OUTPUT = 256 * 1024 * 1024


class StopSignal(Protocol):
    """What tells a step to stop: `threading.Event` is one."""

    def is_set(self) -> bool:
        """Say whether to stop now."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Wait up to `timeout` seconds for the signal; return whether it is set."""
        ...


class Stopped(Exception):
    """The work was given up because its stop signal was set; its processes are gone."""


class ToolMissing(Exception):
    """The program is not installed, or not executable. `tool` is its name."""

    def __init__(self, tool: str) -> None:
        self.tool = tool
        super().__init__(f"The program {tool} is not installed here.")


@dataclass(frozen=True, slots=True)
class Completed:
    """How a program ended: its exit code (negative: the signal that ended it) and what it wrote.

    `stderr` holds at most the last 64 KiB.
    """

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Return the standard output as text; bytes that are not UTF-8 are replaced."""
        return self.stdout.decode("utf-8", "replace")

    @property
    def complaint(self) -> str:
        """Return the last lines of standard error in one line, for a message."""
        lines = [line.strip() for line in self.stderr.decode("utf-8", "replace").splitlines()]
        return "; ".join(line for line in lines[-6:] if line)[:600].rstrip(".")


def check_stop(stop: StopSignal | None) -> None:
    """Raise Stopped when the signal is set."""
    if stop is not None and stop.is_set():
        raise Stopped


def minimal_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment that a program gets: the search path, a fixed locale, and `extra`.

    Nothing else is handed on: the worker's environment holds secrets that no tool needs.
    """
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
    environment.update(extra or {})
    return environment


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    stop: StopSignal | None = None,
    cwd: Path | str | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    stdout_path: Path | None = None,
    max_output: int = DEFAULT_MAX_OUTPUT,
    on_stderr: Callable[[bytes], None] | None = None,
) -> Completed:
    """Run `argv` to its end and return how it ended; never through a shell.

    The program leads a process group of its own. The group is ended (SIGTERM, SIGKILL after 5 s) when
    `timeout` seconds are over or `stop` is set, and whatever the program left behind is killed when it
    ends. The kernel kills the program when the worker dies. `env` is added to a minimal environment.
    `stdout_path` receives standard output instead of `Completed.stdout`; otherwise more than `max_output`
    bytes end the program. `on_stderr` gets standard error as it comes.

    Raises Refusal STEP_TIMEOUT, Refusal NODE_COMMAND_FAILED for too much output, Stopped, and ToolMissing.
    """
    check_stop(stop)
    with contextlib.ExitStack() as stack:
        target: int | IO[bytes] = subprocess.PIPE
        if stdout_path is not None:
            target = stack.enter_context(stdout_path.open("wb"))
        process = _start(argv, cwd, env, stdin is not None, target)
        watched = _Watched(process, stdin, max_output, on_stderr)
        stack.callback(watched.close)
        try:
            watched.follow(time.monotonic() + timeout, stop)
        except _TimeOver:
            watched.end_group(gently=True)
            raise Refusal(
                "STEP_TIMEOUT",
                f"{_name(argv)} did not finish within {timeout:g} seconds and was ended. Try again, or raise"
                " the limit if the work is really that large.",
            ) from None
        except _TooMuchOutput:
            watched.end_group(gently=False)
            raise Refusal(
                "NODE_COMMAND_FAILED",
                f"{_name(argv)} printed more than {max_output} bytes, which is more than this step expects.",
            ) from None
        except BaseException:
            watched.end_group(gently=True)
            raise
        return Completed(watched.end_group(gently=False), bytes(watched.stdout), bytes(watched.stderr))


def _name(argv: Sequence[str]) -> str:
    """Return the program's name only: arguments may hold what must not be shown."""
    return os.path.basename(argv[0])


@functools.cache
def _leash() -> tuple[str, ...]:
    """Return the command that makes the kernel kill a program with its parent; empty where there is none.

    It is util-linux's setpriv: a hook between fork and exec would forbid vfork, and to copy a worker's page
    tables costs several times the work of the programs that a deploy consists of.
    """
    tool = shutil.which("setpriv")
    if tool is None:
        return ()
    usage = subprocess.run([tool, "--help"], capture_output=True, check=False).stdout
    return (tool, "--pdeathsig", "KILL", "--") if b"--pdeathsig" in usage else ()


def _start(
    argv: Sequence[str],
    cwd: Path | str | None,
    env: Mapping[str, str] | None,
    has_stdin: bool,
    target: int | IO[bytes],
) -> subprocess.Popen[bytes]:
    environment = minimal_environment(env)
    program = shutil.which(argv[0], path=environment["PATH"])
    if program is None:
        raise ToolMissing(_name(argv))
    if cwd is not None and not os.path.isdir(cwd):
        raise Refusal("NODE_COMMAND_FAILED", f"{_name(argv)} cannot start: its folder does not exist.")
    leash = _leash()
    return subprocess.Popen(
        [*leash, program, *argv[1:]],
        cwd=cwd,
        env=environment,
        stdin=subprocess.PIPE if has_stdin else subprocess.DEVNULL,
        stdout=target,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=None if leash else partial(die_with_parent, os.getpid(), signal.SIGKILL),
    )


class _TimeOver(Exception):
    pass


class _TooMuchOutput(Exception):
    pass


class _Watched:
    """A running program, its pipes, and what came out of them."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        stdin: bytes | None,
        max_output: int,
        on_stderr: Callable[[bytes], None] | None,
    ) -> None:
        self.process = process
        self.stdout = bytearray()
        self.stderr = bytearray()
        self._unsent = memoryview(stdin or b"")
        self._max_output = max_output
        self._on_stderr = on_stderr
        self._exited = False
        self._pidfd = os.pidfd_open(process.pid)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._pidfd, selectors.EVENT_READ)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self._selector.register(pipe, selectors.EVENT_READ)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            self._selector.register(process.stdin, selectors.EVENT_WRITE)

    def follow(self, deadline: float, stop: StopSignal | None) -> None:
        """Pump the pipes until the program has exited and they are drained."""
        drained_by: float | None = None
        while True:
            check_stop(stop)
            now = time.monotonic()
            if now >= deadline:
                raise _TimeOver
            if self._exited:
                # A descendant may hold a pipe open for ever: it gets a second, then the group is killed.
                drained_by = drained_by or now + 1.0
                if not self._selector.get_map() or now >= drained_by:
                    return
            for key, _ in self._selector.select(min(POLL_SECONDS, deadline - now)):
                self._serve(key.fileobj)

    def _serve(self, fileobj: object) -> None:
        if fileobj == self._pidfd:
            self._exited = True
            self._selector.unregister(self._pidfd)
        elif fileobj is self.process.stdin:
            self._send()
        elif fileobj is self.process.stdout:
            data = self._receive(self.process.stdout)
            if len(self.stdout) + len(data) > self._max_output:
                raise _TooMuchOutput
            self.stdout += data
        elif fileobj is self.process.stderr:
            data = self._receive(self.process.stderr)
            self.stderr += data
            del self.stderr[:-KEPT_STDERR]
            if data and self._on_stderr is not None:
                self._on_stderr(data)

    def _send(self) -> None:
        pipe = self.process.stdin
        assert pipe is not None  # noqa: S101
        try:
            sent = os.write(pipe.fileno(), self._unsent[: 64 * 1024]) if self._unsent else 0
            self._unsent = self._unsent[sent:]
        except BlockingIOError:
            return
        except BrokenPipeError:
            # The program needs no more of it; its exit code says whether that was right.
            self._unsent = memoryview(b"")
        if not self._unsent:
            self._selector.unregister(pipe)
            pipe.close()

    def _receive(self, pipe: IO[bytes] | None) -> bytes:
        assert pipe is not None  # noqa: S101
        try:
            data = os.read(pipe.fileno(), 256 * 1024)
        except BlockingIOError:
            return b""
        if not data:
            self._selector.unregister(pipe)
        return data

    def end_group(self, *, gently: bool) -> int:
        """End every process of the group and return the leader's exit code.

        The leader is reaped last: until then its number cannot become another process's.
        """
        if gently and not self._exited:
            self._signal(signal.SIGTERM)
            limit = time.monotonic() + GRACE_SECONDS
            while time.monotonic() < limit and not self._has_exited():
                time.sleep(0.02)
        self._signal(signal.SIGKILL)
        return self.process.wait()

    def _has_exited(self) -> bool:
        found = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return found is not None

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def close(self) -> None:
        """Close the pipes."""
        self._selector.close()
        os.close(self._pidfd)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
