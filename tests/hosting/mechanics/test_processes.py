from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from writ import processes
from writ.contract.errors import Refusal


def gone(pid: int, seconds: float = 3.0) -> bool:
    """Whether a process is dead (a zombie counts: nobody here reaps another's child)."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def read_pid(path: Path) -> int:
    limit = time.monotonic() + 5
    while time.monotonic() < limit:
        if path.exists() and path.read_text().strip():
            return int(path.read_text())
        time.sleep(0.02)
    raise AssertionError("the program did not start")


def test_output_code_and_stdin_come_back() -> None:
    data = os.urandom(300_000)
    assert processes.run(["cat"], timeout=10, stdin=data).stdout == data
    done = processes.run(["sh", "-c", "echo out; echo why >&2; exit 3"], timeout=10)
    assert (done.code, done.text, done.complaint) == (3, "out\n", "why")


def test_a_program_that_reads_nothing_does_not_block_its_caller() -> None:
    assert processes.run(["true"], timeout=10, stdin=bytes(1_000_000)).code == 0


def test_nothing_of_the_workers_environment_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRIT_SECRET_KEY", "secret")
    names = {line.partition("=")[0] for line in processes.run(["env"], timeout=10).text.splitlines()}
    assert names == {"PATH", "LC_ALL"}


def test_no_shell_reads_the_arguments() -> None:
    assert processes.run(["echo", "$(id); *"], timeout=10).text == "$(id); *\n"


def test_output_goes_to_a_file(tmp_path: Path) -> None:
    done = processes.run(["echo", "x"], timeout=10, stdout_path=tmp_path / "out")
    assert done.stdout == b""
    assert (tmp_path / "out").read_text() == "x\n"


def test_too_much_output_ends_the_program() -> None:
    with pytest.raises(Refusal) as refused:
        processes.run(["yes"], timeout=10, max_output=1000)
    assert refused.value.code == "NODE_COMMAND_FAILED"


def test_a_missing_program_is_named() -> None:
    with pytest.raises(processes.ToolMissing, match="no-such-program"):
        processes.run(["no-such-program"], timeout=10)


def test_time_limit_ends_the_whole_group(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    began = time.monotonic()
    with pytest.raises(Refusal) as refused:
        processes.run(["sh", "-c", f"sleep 60 & echo $! > {pid}; wait"], timeout=0.5)
    assert refused.value.code == "STEP_TIMEOUT"
    assert time.monotonic() - began < 3
    assert gone(read_pid(pid))


def test_stop_ends_the_whole_group(tmp_path: Path) -> None:
    pid, stop = tmp_path / "pid", threading.Event()
    threading.Timer(0.3, stop.set).start()
    began = time.monotonic()
    with pytest.raises(processes.Stopped):
        processes.run(["sh", "-c", f"sleep 60 & echo $! > {pid}; wait"], timeout=30, stop=stop)
    assert time.monotonic() - began < 3
    assert gone(read_pid(pid))


def test_a_program_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.3)
    began = time.monotonic()
    with pytest.raises(Refusal, match="STEP_TIMEOUT"):
        processes.run(["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"], timeout=0.3)
    assert time.monotonic() - began < 3


def test_a_descendant_that_holds_the_pipes_is_not_waited_for(tmp_path: Path) -> None:
    began = time.monotonic()
    done = processes.run(["sh", "-c", f"sleep 60 & echo $! > {tmp_path}/pid"], timeout=30)
    assert done.code == 0
    assert time.monotonic() - began < 5
    assert gone(read_pid(tmp_path / "pid"))


@pytest.mark.parametrize("setpriv", [True, False], ids=["with setpriv", "without setpriv"])
def test_the_program_dies_with_a_killed_worker(setpriv: bool, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = (
        "from writ import processes\n"
        f"{'' if setpriv else 'processes._leash = lambda: ()'}\n"
        f"processes.run(['sh', '-c', 'echo $$ > {pid}; exec sleep 60'], timeout=60)\n"
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": ":".join(sys.path)}
    )
    child = read_pid(pid)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert gone(child)
