"""The embedded Redis: a real one, found, started, stopped and started again."""

from __future__ import annotations

import stat
import subprocess
import time
from pathlib import Path

import pytest
import redis

from writ.supervise import redis as embedded
from writ.supervise.home import CannotStart
from writ.supervise.redis import SOCKET_PATH_MAX, EmbeddedRedis, embedded_redis


def begin(server: EmbeddedRedis) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(server.argv, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while not server.answers():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    return process


@pytest.mark.parametrize("folder", ["home", "a home with blanks & signs", "x" * 90])
def test_it_keeps_its_data_over_a_restart_and_opens_no_port(tmp_path: Path, folder: str) -> None:
    server = embedded_redis(tmp_path / folder)
    again = server
    process = begin(server)
    try:
        client = redis.Redis.from_url(server.url)
        client.set("kept", "yes")
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
        assert stat.S_IMODE(server.socket.stat().st_mode) & 0o077 == 0
        assert len(str(server.socket)) <= SOCKET_PATH_MAX
        client.close()
        assert server.save_and_stop()
        assert process.wait(10) == 0
        assert not server.answers()
        again = embedded_redis(tmp_path / folder)
        process = begin(again)
        assert redis.Redis.from_url(again.url).get("kept") == b"yes"
    finally:
        process.terminate()
        process.wait(10)
        for one in (server, again):
            one.clear(tmp_path / folder)


def test_a_server_on_the_path_is_preferred_and_a_broken_one_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = embedded.find_server()
    good, bad = tmp_path / "good", tmp_path / "bad"
    for folder, name, status in ((good, "valkey-server", 0), (bad, "redis-server", 1)):
        folder.mkdir()
        (folder / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{bad}:{good}")
    assert embedded.find_server() == str(good / "valkey-server")
    monkeypatch.setenv("PATH", str(bad))
    assert embedded.find_server() != str(bad / "redis-server")
    assert usual is not None


def test_without_any_server_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_candidates", list)
    with pytest.raises(CannotStart, match="apt-get install redis-server") as told:
        embedded_redis(tmp_path)
    assert "\n" not in str(told.value)
    assert told.value.code == 1
