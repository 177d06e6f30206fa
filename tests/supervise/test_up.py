"""`writ up` as a person uses it: the whole product, with all of its processes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from writ import __version__
from writ.supervise.processes import Process, belonging_to, still_running, table

ROOT = Path(__file__).parents[2]


def command(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WRIT_")}
    return subprocess.Popen(
        [sys.executable, "-m", "writ.cli", *arguments],
        env={**clean, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'generated'}", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


class Running:
    """A Writ that is ready, and what it printed until then."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.process = command("up", "--home", str(home), "--port", "0", **environment)
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        self.printed = "".join(lines)
        assert "Writ is ready." in self.printed, self.printed
        self.url = self.value("Address")

    def value(self, name: str) -> str:
        found = re.search(rf"^  {name} +(\S+)", self.printed, re.MULTILINE)
        assert found is not None, self.printed
        return found[1]

    def family(self) -> list[Process]:
        return belonging_to([self.process.pid])

    def child(self, subcommand: str) -> int:
        for process in table().values():
            words = Path(f"/proc/{process.pid}/cmdline").read_text().split("\0")
            if process.parent == self.process.pid and subcommand in words:
                return process.pid
        raise AssertionError(f"no child {subcommand}")

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    writ = Running(tmp_path / "home")
    yield writ
    family = writ.family()
    if writ.process.poll() is None:
        writ.process.terminate()
        writ.process.communicate(timeout=60)
    for process in still_running(family):
        os.kill(process.pid, signal.SIGKILL)


def test_a_first_day(running: Running, tmp_path: Path) -> None:
    login = {"email": running.value("Admin"), "password": running.value("Password")}
    answer = httpx.post(
        f"{running.url}/api/login", json=login, headers={"Origin": running.url}, trust_env=False
    )
    assert answer.status_code == 200
    assert login["password"] not in (tmp_path / "home" / "logs" / "server.log").read_text()

    second = command("up", "--home", str(running.home), "--port", "0")
    said, _ = second.communicate(timeout=30)
    assert second.returncode == 2
    assert f"already running on {running.home}: {running.url}" in said

    server = running.child("server")
    os.kill(server, signal.SIGKILL)
    assert running.process.stdout is not None
    assert any("[server] ended with SIGKILL" in running.process.stdout.readline() for _ in range(3))
    deadline = time.monotonic() + 20
    while not running.ready():
        assert time.monotonic() < deadline
        time.sleep(0.1)

    family = running.family()
    assert len(family) >= 6
    running.process.send_signal(signal.SIGTERM)
    rest, _ = running.process.communicate(timeout=60)
    assert running.process.returncode == 0
    assert "Stopping" in rest
    assert "Traceback" not in rest
    assert still_running(family) == []

    again = Running(running.home)
    assert again.url == running.url, "with --port 0 the last port is taken again"
    assert "Password" not in again.printed
    again.process.send_signal(signal.SIGINT)
    again.process.communicate(timeout=60)
    assert again.process.returncode == 0


def test_nothing_of_it_survives_sigkill(running: Running) -> None:
    family = running.family()
    running.process.kill()
    running.process.communicate(timeout=10)
    deadline = time.monotonic() + 40
    while left := still_running(family):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def test_a_taken_port_is_said_plainly(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = command("up", "--home", str(tmp_path), "--port", str(port))
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert said.splitlines() == [
        f"Error: Port {port} on 127.0.0.1 is taken by another program: choose another with --port, "
        "or let Writ find a free one with --port 0."
    ]


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({"WRIT_PORT": "many"}, "WRIT_PORT"),
        ({"WRIT_ADMIN_EMAIL": "nobody"}, "WRIT_ADMIN_EMAIL is not an e-mail address"),
        ({"WRIT_PORT": "0", "WRIT_DATABASE_URL": "sqlite:////proc/writ.db"}, "database"),
        ({"WRIT_DATABASE_URL": "postgresql://a:hidden@127.0.0.1:1/writ"}, "database cannot be used"),
        ({"WRIT_DATABASE_URL": "mysql://a:hidden@127.0.0.1/writ"}, "WRIT_DATABASE_URL: expected postgresql"),
        ({"WRIT_REDIS_URL": "redis://:hidden@127.0.0.1:1/0"}, "WRIT_REDIS_URL cannot be used"),
        ({"WRIT_REDIS_URL": "hidden"}, "WRIT_REDIS_URL: expected redis://"),
        ({"WRIT_HOST": "203.0.113.7"}, "Cannot listen on 203.0.113.7"),
        ({"WRIT_LOG_LEVEL": "loud"}, "WRIT_LOG_LEVEL: expected one of debug"),
    ],
)
def test_wrong_settings_are_one_line(tmp_path: Path, environment: dict[str, str], text: str) -> None:
    process = command("up", "--home", str(tmp_path), **{"WRIT_PORT": "0", **environment})
    try:
        said, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode in (1, 2)
    assert text in said
    assert "Traceback" not in said
    assert "hidden" not in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("home", ["/proc/writ", f"{__file__}/home"])
def test_a_home_that_cannot_be_written_is_said_plainly(home: str) -> None:
    process = command("up", "--home", home, "--port", "0")
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert said.startswith(f"Error: The home folder {home} cannot be written")
    assert len(said.splitlines()) == 1


def test_a_password_is_shown_even_when_the_start_is_broken_off(tmp_path: Path) -> None:
    # The admin is made before the server is found to be unable to start.
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "granian.py").write_text("raise ImportError('no server here')\n")
    path = f"{broken}:{ROOT / 'src'}:{ROOT / 'generated'}"
    process = command("up", "--home", str(tmp_path / "home"), "--port", "0", PYTHONPATH=path)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert re.search(r"^The admin is admin@writ\.localhost, the password \S{24} ", said, re.MULTILINE), said


@pytest.mark.parametrize(
    ("right", "wrong", "text"),
    [
        ('"x-rate-class"', '"x-rate-klass"', "POST /login lacks x-rate-class"),
        ('"get_metrics"', '"get_nothing"', "GET /metrics has no handler writ.hosting.handlers.get_nothing"),
        ('"get_metrics"', '"list_sites"', "repeats the operationId list_sites"),
    ],
)
def test_a_contract_that_cannot_be_served_is_one_line(
    tmp_path: Path, right: str, wrong: str, text: str
) -> None:
    generated = shutil.copytree(ROOT / "generated", tmp_path / "generated")
    contract = (generated / "openapi.json").read_text()
    (generated / "openapi.json").write_text(contract.replace(right, wrong))
    path = f"{ROOT / 'src'}:{generated}"
    process = command("up", "--home", str(tmp_path / "home"), "--port", "0", PYTHONPATH=path)
    try:
        said, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 1
    assert said.startswith("Error: The contract cannot be served: ")
    assert text in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "home" / "writ.db").exists()


@pytest.mark.parametrize("part", ["server", "worker"])
def test_a_part_without_redis_says_what_is_missing(tmp_path: Path, part: str) -> None:
    process = command(part, "--home", str(tmp_path))
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert said == "Error: WRIT_REDIS_URL is not set; set it, or start everything with `writ up`.\n"


def test_a_password_is_reset_only_where_there_is_a_writ(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    process = command("admin", "reset-password", "--home", str(nowhere))
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert said == f"Error: There is no Writ in {nowhere}; name its folder with --home.\n"
    assert not nowhere.exists()

    empty = command("admin", "reset-password", WRIT_DATABASE_URL=f"sqlite:///{tmp_path / 'empty.db'}")
    said, _ = empty.communicate(timeout=30)
    assert empty.returncode == 1
    assert said.splitlines() == ["Error: The database cannot be used: no such table: users"]


def test_the_version_is_the_package_s() -> None:
    process = command("--version")
    said, _ = process.communicate(timeout=10)
    assert (process.returncode, said) == (0, f"writ {__version__}\n")


def test_help_is_quick_and_names_every_command() -> None:
    process = command("--help")
    said, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    for name in (
        *("up", "server", "worker", "sites", "pump", "recorder", "migrate", "tour", "admin", "audit"),
        *("key", "webhook", "job", "site", "env", "completion"),
    ):
        assert re.search(rf"^  {name} ", said, re.MULTILINE), name
    check = "import sys, writ.cli; sys.exit(bool({'sqlalchemy', 'connexion', 'pydantic'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], env={"PYTHONPATH": str(ROOT / "src")}, check=False)
    assert done.returncode == 0, "the command line imports its libraries only when a command needs them"
