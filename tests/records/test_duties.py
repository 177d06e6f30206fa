"""What the recorder does beside recording: each of its duties, and that none of them stops it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import func, insert, select
from structlog.testing import capture_logs

from tests.records.entries import Log
from tests.support.product import ROOT
from tests.support.redis import RedisServer
from writ.access.models import DEFAULT_ORGANIZATION_ID, ApiKey, User
from writ.access.oauth.models import DeveloperApplication, OAuthCode, OAuthGrant, OAuthRefreshToken
from writ.access.rate_models import ApiRateLimit
from writ.duties.recorder import recorder_duties
from writ.gateway.limits.counter import HOURS
from writ.records.kept import KeptAnswer
from writ.records.recorder import Duty, Recording
from writ.store.base import new_id, now

HOUR = timedelta(hours=1)


def duties_of(log: Log, redis_url: str | None = None) -> dict[str, Duty]:
    """The duties of the product, each of which is due at once."""
    settings = log.settings.model_copy(update={"redis_url": redis_url})
    return {duty.name: replace(duty, seconds=0.0) for duty in recorder_duties(settings)}


def record_until(log: Log, duties: list[Duty], done: Callable[[], bool]) -> None:
    """The recorder at work, until it has done what it should."""
    stopped = threading.Event()
    worker = threading.Thread(
        target=Recording(log.settings, log.store, log.lease, duties).work, args=(stopped,)
    )
    worker.start()
    give_up_at = time.monotonic() + 20
    while not done() and time.monotonic() < give_up_at:
        time.sleep(0.02)
    stopped.set()
    worker.join(20)
    assert done(), "the recorder did not do it"


def count(log: Log, table: Any) -> int:
    with log.store.read() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def make_user(log: Log) -> User:
    user = User(id=new_id(), email="ada@example.com", password_hash="x")
    with log.store.begin() as session:
        session.add(user)
    return user


def make_key(log: Log) -> ApiKey:
    key = ApiKey(
        id=new_id(),
        organization_id=DEFAULT_ORGANIZATION_ID,
        key_name="Script",
        api_key="0" * 64,
        created_by=make_user(log).id,
    )
    with log.store.begin() as session:
        session.add(key)
    return key


@pytest.mark.requirement("S1-34")
def test_answers_whose_time_is_over_go_in_batches_until_none_is_left(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("writ.duties.recorder.ANSWERS_AT_ONCE", 3)
    rows = [
        {
            "key_hash": f"{number:064}",
            "organization_id": DEFAULT_ORGANIZATION_ID,
            "owner": "user:1",
            "operation": "create_site",
            "fingerprint": "0" * 64,
            "status": 202,
            "sealed": b"",
            "created_at": now() - 25 * HOUR,
            "expires_at": now() + (HOUR if number == 0 else -HOUR),
        }
        for number in range(9)
    ]
    with log.store.begin() as session:
        session.execute(insert(KeptAnswer), rows)
    duty = duties_of(log)["kept_answers"]
    assert [duty.run() for _ in range(2)] == [True, True]
    # One turn an hour is enough for all of them: what is left is not left for the next one.
    hourly = replace(duty, seconds=0.3)
    with log.store.begin() as session:
        session.execute(insert(KeptAnswer), [{**row, "key_hash": f"a{row['key_hash'][1:]}"} for row in rows])
    record_until(log, [hourly], lambda: count(log, KeptAnswer) == 2)
    assert duty.run() is False


def test_hours_of_keys_are_written_from_redis(log: Log, redis_server: RedisServer) -> None:
    key = make_key(log)
    with Redis.from_url(redis_server.url) as redis:
        start = int(redis.time()[0]) // 3600 * 3600
        redis.hset(f"{HOURS}{start}", key.id.hex, 7)
    record_until(log, [duties_of(log, redis_server.url)["quotas"]], lambda: count(log, ApiRateLimit) == 1)
    with log.store.read() as connection:
        (row,) = connection.execute(select(ApiRateLimit.__table__)).all()
    assert (row.api_key_id, row.request_count) == (key.id, 7)
    assert row.window_start == datetime.fromtimestamp(start, UTC)


@pytest.mark.requirement("S4-07")
def test_tokens_and_codes_whose_time_is_over_go(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("writ.access.oauth.grants.PURGED_AT_ONCE", 2)
    user, application = make_user(log), new_id()
    living, dead = new_id(), [new_id() for _ in range(3)]
    with log.store.begin() as session:
        session.add(
            DeveloperApplication(
                id=application,
                application_name="Planner",
                contact_email="planner@example.com",
                client_id="app_planner",
                organization_id=DEFAULT_ORGANIZATION_ID,
                created_by=user.id,
            )
        )
        session.flush()
        common = {"application_id": application, "user_id": user.id}
        for grant in (living, *dead):
            ends = now() + (HOUR if grant == living else -HOUR)
            session.add(OAuthGrant(id=grant, expires_at=ends, **common))
            session.flush()
            session.add(OAuthRefreshToken(token_hash=grant.hex * 2, grant_id=grant, expires_at=ends))
        for number in range(3):
            session.add(
                OAuthCode(
                    code_hash=f"{number:064}",
                    code_challenge="x",
                    expires_at=now() - (HOUR if number == 0 else 25 * HOUR),
                    **common,
                )
            )
    duty = duties_of(log)["oauth"]
    record_until(log, [replace(duty, seconds=0.1)], lambda: count(log, OAuthGrant) == 1)
    assert (count(log, OAuthRefreshToken), count(log, OAuthCode)) == (1, 1)
    assert duty.run() is False


def test_without_redis_everything_else_is_done(log: Log, tmp_path: Path) -> None:
    assert set(duties_of(log)) == {"kept_answers", "oauth"}
    gone = RedisServer(tmp_path)
    duties = duties_of(log, gone.url)
    with pytest.raises(Exception, match="refused"):
        duties["quotas"].run()
    log.answer([1])
    done: list[float] = []
    others = [Duty("after", lambda: done.append(1.0), 0.0)]
    with capture_logs() as said:
        record_until(log, [*duties.values(), *others], lambda: log.numbers() == [1] and len(done) >= 2)
    assert {(entry["event"], entry["duty"]) for entry in said} == {("duty_postponed", "quotas")}
    assert log.verify().fault is None


def test_a_duty_that_fails_is_said_and_stops_nothing(log: Log) -> None:
    turns: list[str] = []

    def fail() -> None:
        turns.append("fails")
        raise RuntimeError("no")

    log.answer([1])
    with capture_logs() as said:
        record_until(
            log,
            [Duty("broken", fail, 0.0), Duty("good", lambda: turns.append("good"), 0.0)],
            lambda: log.numbers() == [1] and min(turns.count("fails"), turns.count("good")) >= 2,
        )
    assert {(entry["event"], entry["duty"]) for entry in said} == {("duty_failed", "broken")}


def test_the_first_turn_is_not_an_hour_away(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("writ.records.recorder.FIRST_SECONDS", 0.0)
    done: list[str] = []
    record_until(log, [Duty("hourly", lambda: done.append("x"), 3600.0)], lambda: bool(done))
    assert done == ["x"], "and once an hour it is"


def test_the_command_works_without_redis(log: Log) -> None:
    log.lease.give_back()
    log.answer([1, 2])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WRIT_")}
    recorder = subprocess.Popen(
        [sys.executable, "-m", "writ.cli", "recorder"],
        env={
            **environment,
            "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT / "generated"))),
            "WRIT_HOME": str(log.settings.home_path),
            "WRIT_DATABASE_URL": log.store.url,
        },
    )
    try:
        give_up_at = time.monotonic() + 30
        while log.numbers() != [1, 2]:
            assert time.monotonic() < give_up_at
            time.sleep(0.05)
    finally:
        recorder.send_signal(signal.SIGTERM)
        assert recorder.wait(20) == 0
