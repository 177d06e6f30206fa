"""The journal of a server process: lines are whole, and the file is its own while it lives."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.product import ROOT
from writ.records.journal import Journal


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.journal"))


def test_lines_are_appended_and_the_file_is_private_and_locked(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "audit")
    assert not (tmp_path / "audit").exists(), "no file before the first line"
    journal.append(b"one\n")
    journal.append(b"two\n")
    (path,) = files(tmp_path / "audit")
    assert path.read_bytes() == b"one\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with path.open("rb") as handle:
        with pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        journal.close()
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_full_file_is_followed_by_another(tmp_path: Path) -> None:
    journal = Journal(tmp_path, rotate_bytes=10)
    for text in (b"12345678\n", b"2\n", b"3\n"):
        journal.append(text)
    assert [path.read_bytes() for path in files(tmp_path)] == [b"12345678\n2\n", b"3\n"]


def test_half_a_line_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path)
    journal.append(b"one\n")
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:2]))
    with pytest.raises(OSError, match="No space left"):
        journal.append(b"two\n")
    monkeypatch.undo()
    journal.append(b"three\n")
    (path,) = files(tmp_path)
    assert path.read_bytes() == b"one\nthree\n"


def test_when_half_a_line_cannot_be_taken_back_nothing_follows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    write = os.write

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:2]))
    monkeypatch.setattr(os, "ftruncate", fail)
    with pytest.raises(OSError, match="No space left"):
        journal.append(b"two\n")
    monkeypatch.undo()
    journal.append(b"three\n")
    assert [path.read_bytes() for path in files(tmp_path)] == [b"tw", b"three\n"]


@pytest.mark.requirement("S1-98")
def test_lines_survive_sigkill(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, signal, sys; from writ.records.journal import Journal;"
        "j = Journal(pathlib.Path(sys.argv[1])); [j.append(b'%d\\n' % n) for n in range(1000)];"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    path = f"{ROOT / 'src'}:{ROOT / 'generated'}"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env={"PYTHONPATH": path}, check=False, timeout=60
    )
    assert done.returncode == -signal.SIGKILL
    (found,) = files(tmp_path)
    assert found.read_bytes() == b"".join(b"%d\n" % n for n in range(1000))
