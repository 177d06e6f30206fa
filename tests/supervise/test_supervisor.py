"""The supervisor over real processes: order, restarts, stops, and that nothing survives it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from writ.supervise.guard import LOOK_SECONDS
from writ.supervise.processes import table

SUPERVISOR = Path(__file__).parent / "stand_in_supervisor.py"
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def begin(*children: str, wait_for: str = "READY") -> subprocess.Popen[str]:
        source = Path(__file__).parents[2] / "src"
        process = subprocess.Popen(
            [sys.executable, str(SUPERVISOR), str(tmp_path), *children],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": str(source)},
            start_new_session=True,
        )
        running.append(process)
        if wait_for:
            read_until(process, wait_for)
        return process

    yield begin
    for process in running:
        process.kill()
        process.wait(10)
    for pid in pids(tmp_path):
        if pid in table():
            os.kill(pid, signal.SIGKILL)


def read_until(process: subprocess.Popen[str], text: str) -> list[str]:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return lines
    raise AssertionError(f"{text!r} never came; instead: {lines}")


def events(folder: Path) -> list[str]:
    file = folder / "events"
    return re.sub(r" \d+", "", file.read_text()).splitlines() if file.exists() else []


def pids(folder: Path) -> list[int]:
    file = folder / "events"
    return [int(pid) for pid in re.findall(r" (\d+)", file.read_text())] if file.exists() else []


def alive(folder: Path) -> list[int]:
    return [pid for pid in pids(folder) if pid in table()]


def wait_until(question: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, f"waited in vain; running: {table().keys()}"
        time.sleep(0.05)


def test_starts_in_order_and_stops_in_order(start: Start, tmp_path: Path) -> None:
    process = start("redis", "server")
    assert events(tmp_path) == ["redis start", "server start"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert events(tmp_path)[2:] == ["server term", "server end", "redis term", "redis end"]
    assert alive(tmp_path) == []
    assert (tmp_path / "logs" / "server.log").read_text() == "an ordinary line\n"


def test_a_second_sigterm_comes_after_the_grace_and_then_the_kill(start: Start, tmp_path: Path) -> None:
    process = start("stubborn:stubborn", "deaf:deaf")
    process.send_signal(signal.SIGINT)
    assert process.wait(15) == 0
    last = ["stubborn term", "stubborn term", "stubborn end"]
    assert events(tmp_path)[2:] == ["deaf term", "deaf term", *last]
    assert alive(tmp_path) == []


def test_it_stops_although_its_terminal_is_gone(start: Start, tmp_path: Path) -> None:
    process = start("redis", "server")
    assert process.stdout is not None
    process.stdout.close()
    process.send_signal(signal.SIGHUP)
    assert process.wait(10) == 0
    assert alive(tmp_path) == []


def test_a_second_ctrl_c_cuts_the_grace_short(start: Start, tmp_path: Path) -> None:
    process = start("worker:stubborn:slow")
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    wait_until(lambda: events(tmp_path)[-1] == "worker term")
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert time.monotonic() - began < 10
    assert events(tmp_path)[-2:] == ["worker term", "worker end"]


def test_a_crashed_child_is_restarted_and_that_is_said(start: Start, tmp_path: Path) -> None:
    process = start("redis", "worker:fork")
    wait_until(lambda: "worker grandchild" in events(tmp_path))
    _, worker, grandchild = pids(tmp_path)
    os.kill(worker, signal.SIGKILL)
    said = read_until(process, "[worker] ended with SIGKILL; starting it again in 0.5 s")
    assert len(said) == 1
    wait_until(lambda: events(tmp_path).count("worker start") == 2)
    assert worker not in table()
    assert grandchild not in table()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert alive(tmp_path) == []


def test_what_a_child_left_behind_in_its_own_session_goes_with_it(start: Start, tmp_path: Path) -> None:
    process = start("redis", "worker:fork")
    wait_until(lambda: "worker grandchild" in events(tmp_path))
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    assert alive(tmp_path) == []


def test_nothing_survives_a_killed_supervisor(start: Start, tmp_path: Path) -> None:
    process = start("redis", "worker:fork", "deaf:deaf")
    wait_until(lambda: len(pids(tmp_path)) == 4)
    time.sleep(2 * LOOK_SECONDS)
    process.kill()
    process.wait(5)
    wait_until(lambda: not alive(tmp_path))
    # The guard holds the lock until all is gone, so this start waits and then succeeds.
    again = start("redis")
    again.send_signal(signal.SIGTERM)
    assert again.wait(10) == 0


def test_nothing_survives_when_the_guard_was_killed_first(start: Start, tmp_path: Path) -> None:
    process = start("redis", "server")
    guards = [it.pid for it in table().values() if it.parent == process.pid and it.pid not in pids(tmp_path)]
    assert len(guards) == 1
    os.kill(guards[0], signal.SIGKILL)
    process.kill()
    process.wait(5)
    wait_until(lambda: not alive(tmp_path))


def test_a_child_that_never_gets_ready_is_given_up(start: Start, tmp_path: Path) -> None:
    process = start("redis", "server:crash", wait_for="")
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "[server] ERROR: a serious line" in output
    assert "server ended 3 times before it was ready (status 3)" in output
    assert "READY" not in output
    assert alive(tmp_path) == []


def test_a_second_one_on_the_same_home_is_refused(start: Start, tmp_path: Path) -> None:
    start("redis")
    second = start("redis", wait_for="")
    output, _ = second.communicate(timeout=60)
    assert second.returncode == 2
    assert "already running on" in output
