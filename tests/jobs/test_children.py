"""No process outlives the job that started it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.jobs.world import is_alive

STRAY = """
import os, subprocess, sys, time
from writ import kernel
from writ.jobs import children

kernel.adopt_orphans()
horse = os.fork()
if horse == 0:
    # In a session of its own, and deaf to the death of its parent: nothing but adoption finds it.
    stray = subprocess.Popen(["sleep", "60"], start_new_session=True)
    print(stray.pid, flush=True)
    os.kill(os.getpid(), 9)
os.waitpid(horse, 0)
print(children.kill_orphans(), flush=True)
print(children.kill_orphans(), flush=True)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux lets a process adopt")
def test_what_a_killed_process_left_behind_is_found_and_killed(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STRAY],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    stray, killed, again = (int(line) for line in done.stdout.split())
    assert killed >= 1
    assert again == 0
    assert not is_alive(stray)
