"""Usage: sums by hour, day, operation, error and key, of the own organization only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from tests.records.entries import AT, KEY, ORGANIZATION, OTHER, Log, entry_id, row
from tests.records.front import opened
from tests.support.redis import RedisServer
from writ.access.models import DEFAULT_ORGANIZATION_ID, ApiKey, User
from writ.access.usage_reading import read_quotas
from writ.contract.errors import Refusal
from writ.records import usage
from writ.records.entry import first_id
from writ.store.base import now

SPAN = {"from": "2026-02-20T00:00:00Z", "to": "2026-02-22T00:00:00Z", "interval": "hour"}


@pytest.fixture
def filled(log: Log) -> Log:
    later = AT + timedelta(hours=1)
    log.seal(
        row(1),
        row(2, status_code=404, error_code="SITE_NOT_FOUND", api_key_id=None),
        row(3, status_code=404, error_code="SITE_NOT_FOUND"),
        row(4, operation_id="list_sites", endpoint="/sites"),
        row(9, organization_id=OTHER, api_key_id=UUID(int=5)),
        row(10, organization_id=None, api_key_id=None, operation_id=None, endpoint="/x", status_code=404),
    )
    log.seal(row(5, id=entry_id(5, later)), row(6, id=entry_id(6, AT + timedelta(days=1)), status_code=500))
    return log


@pytest.mark.requirement("S3-136", "S3-148")
def test_a_summary_by_hour_and_by_day(filled: Log) -> None:
    with filled.store.read() as connection:
        hours = usage.summary(connection, ORGANIZATION, SPAN)
        days = usage.summary(connection, ORGANIZATION, {**SPAN, "interval": "day"})
        of_key = usage.summary(connection, ORGANIZATION, {**SPAN, "api_key_id": KEY})
        elsewhere = usage.summary(connection, ORGANIZATION, {**SPAN, "api_key_id": UUID(int=5)})
        theirs = usage.summary(connection, OTHER, SPAN)
    assert [(p["starts_at"].isoformat(), p["requests"], p["errors"]) for p in hours["data"]] == [
        ("2026-02-20T10:00:00+00:00", 4, 2),
        ("2026-02-20T11:00:00+00:00", 1, 0),
        ("2026-02-21T10:00:00+00:00", 1, 1),
    ]
    assert [(p["starts_at"].day, p["requests"]) for p in days["data"]] == [(20, 5), (21, 1)]
    assert hours["total"] == days["total"]
    assert hours["total"] == {
        "requests": 6,
        "errors": 3,
        "average_response_time_ms": round((1500 * 6 + 1 + 2 + 3 + 4 + 5 + 6) / 6 / 1000, 3),
        "request_bytes": 21,
        "response_bytes": 1800,
    }
    assert (of_key["total"]["requests"], elsewhere["total"]["requests"]) == (5, 0)
    assert theirs["total"]["requests"] == 1


def test_spans_are_whole_hours_and_have_an_end(filled: Log) -> None:
    with filled.store.read() as connection:
        found = usage.summary(
            connection,
            ORGANIZATION,
            {"from": "2026-02-20T10:59:00Z", "to": "2026-02-20T11:00:01Z", "interval": "hour"},
        )
        assert (found["from"].hour, found["to"].hour, found["total"]["requests"]) == (10, 12, 5)
        assert usage.summary(connection, ORGANIZATION, {"interval": "hour"})["data"] == []
        year = {**SPAN, "from": "2025-02-01T00:00:00Z"}
        with pytest.raises(Refusal, match="SPAN_TOO_LONG"):
            usage.summary(connection, ORGANIZATION, year)
        assert usage.summary(connection, ORGANIZATION, {**year, "interval": "day"})["total"]["requests"] == 6
        ends = {"from": "0001-01-01T00:00:00+23:59", "to": "0001-01-01T00:00:00Z", "interval": "day"}
        assert usage.summary(connection, ORGANIZATION, ends)["data"] == []
        ends = {"to": "9999-12-31T23:59:59-23:59", "interval": "day"}
        assert usage.summary(connection, ORGANIZATION, ends)["data"] == []
        with pytest.raises(Refusal, match="VALIDATION_ERROR"):
            usage.summary(connection, ORGANIZATION, {**SPAN, "to": "2026-06-30T23:59:60Z"})
        with pytest.raises(Refusal, match="SPAN_TOO_LONG"):
            usage.by_endpoint(connection, ORGANIZATION, {**SPAN, "from": "2020-02-01T00:00:00Z"})


@pytest.mark.requirement("S3-137", "S3-138")
def test_by_operation_and_by_error(filled: Log) -> None:
    with filled.store.read() as connection:
        by_endpoint = usage.by_endpoint(connection, ORGANIZATION, SPAN)["data"]
        by_error = usage.by_error(connection, ORGANIZATION, SPAN)["data"]
    assert [(e["operation_id"], e["endpoint"], e["requests"], e["errors"]) for e in by_endpoint] == [
        ("get_site", "/sites/{id}", 5, 3),
        ("list_sites", "/sites", 1, 0),
    ]
    assert [(e["operation_id"], e["status_code"], e["requests"]) for e in by_error] == [
        ("get_site", 404, 2),
        ("get_site", 500, 1),
    ]


@pytest.mark.requirement("S3-139")
def test_quotas_are_of_this_hour(log: Log) -> None:
    user, key, idle = (UUID(int=first_id(now()).int + n) for n in range(3))
    with log.store.begin() as session:
        session.add(User(id=user, email="a@example.com", password_hash="x"))
        session.flush()
        for at, key_id in enumerate((key, idle)):
            session.add(
                ApiKey(
                    id=key_id,
                    organization_id=DEFAULT_ORGANIZATION_ID,
                    key_name=f"Key {at}",
                    api_key=str(at) * 64,
                    created_by=user,
                    created_at=datetime(2026, 2, 20, tzinfo=UTC) + timedelta(minutes=at),
                )
            )
    hour = now()
    log.seal(row(1, id=entry_id(1, hour), api_key_id=key), row(2, id=entry_id(2, hour), api_key_id=key))
    log.seal(row(3, id=entry_id(3, hour - timedelta(hours=2)), api_key_id=key))
    with log.store.read() as connection:
        page = read_quotas(connection, DEFAULT_ORGANIZATION_ID, {"limit": 20})
        assert read_quotas(connection, OTHER, {"limit": 20})["data"] == []
        one = read_quotas(connection, DEFAULT_ORGANIZATION_ID, {"limit": 20, "api_key_id": key})["data"]
    assert [(q["key_name"], q["limit_per_hour"], q["used"], q["remaining"]) for q in page["data"]] == [
        ("Key 1", 1000, 0, 1000),
        ("Key 0", 1000, 2, 998),
    ]
    assert one == [page["data"][1]]
    assert timedelta(0) < one[0]["resets_at"] - now() <= timedelta(hours=1)


def test_without_redis_the_log_still_tells(tmp_path: Path, database_url: str) -> None:
    redis = RedisServer(tmp_path)
    redis.start()
    try:
        with opened(tmp_path, database_url, redis.url) as front:
            made = front.new_key().json["id"]
            assert front.ask("GET", "/v1/usage/quotas").json["own"]
            redis.stop()
            got = front.ask("GET", "/v1/usage/quotas")
            assert (got.status, got.json["own"]) == (200, None)
            assert [key["api_key_id"] for key in got.json["data"]] == [made]
    finally:
        redis.stop()
