"""The log by filter: the right rows, the own ones only, newest first; and by an index, on both databases."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.records.entries import AT, KEY, ORGANIZATION, OTHER, USER, Log, entry_id, row
from writ.contract.errors import Refusal
from writ.gateway.call import Actor
from writ.records.command import export_log, verify_log
from writ.records.export import export
from writ.records.handlers import list_audit_log
from writ.records.reading import read_entry, read_log
from writ.store.prepared import Prepared

OTHER_KEY, OTHER_USER = UUID(int=0x72), UUID(int=0x83)


def actor(organization: UUID = ORGANIZATION, role: str = "owner") -> Actor:
    return Actor(USER, "session", "a@example.com", role, frozenset(), organization_id=organization)


ROWS: list[dict[str, Any]] = [
    row(1),
    row(2, api_key_id=None, actor_kind="session"),
    row(3, api_key_id=OTHER_KEY, user_id=OTHER_USER),
    row(4, operation_id="delete_site", method="DELETE", status_code=202),
    row(5, operation_id="list_sites", endpoint="/sites", status_code=422, error_code="VALIDATION_ERROR"),
    row(6, status_code=404, error_code="SITE_NOT_FOUND"),
    row(7, status_code=500, error_code="INTERNAL_ERROR"),
    row(8, method="HEAD"),
    row(20, organization_id=OTHER, api_key_id=UUID(int=5), user_id=UUID(int=6)),
    row(21, organization_id=OTHER, api_key_id=UUID(int=5), user_id=UUID(int=6), status_code=500),
    row(
        30,
        organization_id=None,
        api_key_id=None,
        user_id=None,
        operation_id=None,
        endpoint="/wp-login.php",
        status_code=404,
        error_code="NOT_FOUND",
    ),
]
OWN = [8, 7, 6, 5, 4, 3, 2, 1]

FILTERS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, OWN),
    ({"api_key_id": KEY}, [8, 7, 6, 5, 4, 1]),
    ({"api_key_id": UUID(int=5)}, []),
    ({"user_id": OTHER_USER}, [3]),
    ({"user_id": UUID(int=6)}, []),
    ({"operation_id": "get_site"}, [8, 7, 6, 3, 2, 1]),
    ({"endpoint": "/sites"}, [5]),
    ({"endpoint": "/sites/{id}"}, [8, 7, 6, 4, 3, 2, 1]),
    ({"endpoint": "/sites/{id}", "method": "DELETE"}, [4]),
    ({"endpoint": "/sites/{id}", "method": "HEAD"}, [8]),
    ({"endpoint": "/sites/{id}", "method": "PATCH"}, []),
    ({"method": "DELETE"}, [4]),
    ({"operation_id": "get_site", "method": "GET"}, [7, 6, 3, 2, 1]),
    ({"status_code": 200}, [8, 3, 2, 1]),
    ({"status_code": 500}, [7]),
    ({"status_code": 418}, []),
    ({"error_code": "site_not_found"}, [6]),
    ({"error_code": "NOTHING_KNOWN"}, []),
    ({"api_key_id": KEY, "status_code": 404}, [6]),
    ({"api_key_id": KEY, "operation_id": "delete_site"}, [4]),
    ({"api_key_id": KEY, "endpoint": "/sites"}, [5]),
    ({"operation_id": "get_site", "status_code": 404}, [6]),
    ({"endpoint": "/sites/{id}", "status_code": 500}, [7]),
    ({"request_id": f"req_{entry_id(3).hex}"}, [3]),
    ({"request_id": f"req_{entry_id(20).hex}"}, []),
    ({"request_id": "req_" + 32 * "f"}, []),
    ({"request_id": f"req_{entry_id(3).hex}", "api_key_id": KEY}, []),
    ({"from": (AT + timedelta(milliseconds=3)).isoformat()}, [8, 7, 6, 5, 4, 3]),
    ({"to": (AT + timedelta(milliseconds=3)).isoformat()}, [2, 1]),
    ({"from": "2026-02-20T10:15:00.002500Z", "to": "2026-02-20T11:15:00.005+01:00"}, [4, 3]),
    ({"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"}, OWN),
    ({"strangers": True}, [30]),
    ({"strangers": True, "status_code": 404}, [30]),
]


@pytest.fixture
def filled(log: Log) -> Log:
    log.seal(*ROWS)
    return log


@pytest.mark.requirement("S1-69", "S1-70", "S1-71")
def test_filters_find_what_they_say_and_only_the_own(filled: Log) -> None:
    with filled.store.read() as connection:
        for query, expected in FILTERS:
            page = read_log(connection, actor(), {"limit": 100, **query})
            assert [UUID(str(found["id"])).int & 0xFFFF for found in page["data"]] == expected, query
            numbers, cursor = [], None
            for _ in range(len(expected) + 1):
                page = read_log(connection, actor(), {"limit": 1, "cursor": cursor, **query})
                numbers += [found["id"].int & 0xFFFF for found in page["data"]]
                cursor = page["pagination"]["next_cursor"]
                if cursor is None:
                    break
            assert numbers == expected, query


def test_what_is_not_the_own_is_not_there(filled: Log) -> None:
    with filled.store.read() as connection:
        assert read_entry(connection, actor(), entry_id(7))["error_code"] == "internal_error"
        assert read_entry(connection, actor(), entry_id(30))["organization_id"] is None
        for who, number in (
            (actor(), 20),
            (actor(OTHER), 7),
            (actor(OTHER), 30),
            (actor(role="viewer"), 30),
            (actor(), 999),
        ):
            with pytest.raises(Refusal, match="AUDIT_ENTRY_NOT_FOUND"):
                read_entry(connection, who, entry_id(number))
        for who in (actor(OTHER), actor(role="viewer")):
            with pytest.raises(Refusal, match="FORBIDDEN"):
                read_log(connection, who, {"limit": 5, "strangers": True})
        nobody: Any = SimpleNamespace(actor=None, read=connection, query={"limit": 5})
        with pytest.raises(Refusal, match="UNAUTHORIZED"):
            list_audit_log(nobody)


INDEXED: list[tuple[dict[str, Any], str]] = [
    ({}, "organization"),
    ({"api_key_id": KEY}, "key"),
    ({"user_id": USER}, "user"),
    ({"operation_id": "get_site"}, "operation"),
    ({"endpoint": "/sites/{id}"}, "endpoint"),
    ({"endpoint": "/sites/{id}", "method": "GET"}, "operation"),
    ({"method": "GET"}, "method"),
    ({"status_code": 200}, "status"),
    ({"status_code": 404}, "status"),
    ({"error_code": "site_not_found"}, "status"),
    ({"api_key_id": KEY, "operation_id": "get_site"}, "key_operation"),
    ({"api_key_id": KEY, "endpoint": "/sites/{id}"}, "key_endpoint"),
    ({"api_key_id": KEY, "status_code": 404}, "key_status"),
    ({"operation_id": "get_site", "status_code": 404}, "operation_status"),
    ({"endpoint": "/sites/{id}", "status_code": 404}, "endpoint_status"),
    ({"strangers": True}, "organization"),
    ({"strangers": True, "status_code": 404}, "status"),
]


@pytest.mark.requirement("S1-69", "S1-70", "S1-71")
def test_every_filter_is_served_by_its_index_in_order(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan of each statement: one index, for filter, time and order; nothing is sorted or walked."""
    spread = [
        row(
            number,
            api_key_id=UUID(int=0x100 + number % 40),
            user_id=UUID(int=0x200 + number % 30),
            organization_id=UUID(int=0x300 + number % 20),
            operation_id=f"operation_{number % 31}",
            endpoint=f"/things/{number % 37}",
            status_code=(200, 201, 404, 422, 500)[number % 5],
        )
        for number in range(8000)
    ]
    log.seal(*spread)
    if log.store.engine.dialect.name == "postgresql":
        with log.store.read() as connection:
            connection.execute(text("ANALYZE api_audit_log"))
    plans: list[str] = []
    run = Prepared.all

    def explain(self: Prepared, connection: Any, parameters: Any) -> Any:
        rows = run(self, connection, parameters)
        form = self._forms[id(connection.dialect)][1]
        word = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
        cursor = connection.connection.cursor()
        cursor.execute(word + form.sql, form.bind(parameters))
        plans.append("\n".join(str(found[-1]) for found in cursor.fetchall()))
        cursor.close()
        return rows

    monkeypatch.setattr(Prepared, "all", explain)
    times = {"from": AT.isoformat(), "to": (AT + timedelta(seconds=9)).isoformat()}
    with log.store.read() as connection:
        for query, index in INDEXED:
            for more in ({}, times):
                read_log(connection, actor(), {"limit": 20, **query, **more})
                plan = plans.pop()
                # Where nothing is to be found, an index for one of two filters is as good to PostgreSQL.
                either = "method" if "method" in query and "Index Cond" in plan else index
                names = {f"ix_api_audit_log_{name} " for name in (index, either)}
                assert any(name in plan for name in names), (query, more, plan)
                assert "Seq Scan" not in plan, plan
                assert "SCAN" not in plan, plan
                # What is found is a page, and only that may be sorted.
                assert plan.count("Sort Key") == plan.count("Sort Key: shown.id"), plan
                assert "TEMP B-TREE" not in plan, plan
        read_log(connection, actor(), {"limit": 20, "request_id": f"req_{entry_id(3).hex}"})
        assert "ix_api_audit_log_organization " in plans[-1], plans[-1]


def test_the_export_has_every_entry_once_oldest_first(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("writ.records.export.ROWS_AT_ONCE", 3)
    log.seal(*ROWS, row(40, path="=cmd()", user_agent="@x"))
    lines = b"".join(export(log.store, actor(), {}, "jsonl")).splitlines()
    numbers = [UUID(json.loads(one)["id"]).int & 0xFFFF for one in lines]
    assert numbers == [*OWN[::-1], 40]
    with log.store.read() as connection:
        page = read_log(connection, actor(), {"limit": 100})
    assert [json.loads(one)["request_id"] for one in lines] == [e["request_id"] for e in page["data"]][::-1]
    table = b"".join(export(log.store, actor(), {"api_key_id": KEY}, "csv")).decode()
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [found["status_code"] for found in rows] == ["200", "202", "422", "404", "500", "200", "200"]
    assert (rows[-1]["path"], rows[-1]["user_agent"]) == ("'=cmd()", "'@x"), "no spreadsheet runs it"
    assert json.loads(rows[0]["parameters"])["path"]
    with pytest.raises(Refusal, match="FORBIDDEN"):
        export(log.store, actor(OTHER), {"strangers": True}, "csv")
    assert b"".join(export(log.store, actor(UUID(int=99)), {}, "jsonl")) == b""


@pytest.mark.requirement("S1-06")
def test_the_command_line_verifies_and_exports(filled: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    assert verify_log(filled.settings, None, None, said.append) == 0
    assert said[0] == f"The audit log is whole: 1 seals over {len(ROWS)} rows, 0 of them pruned."
    head = said[1].removeprefix("The last seal: ")
    assert verify_log(filled.settings, head, None, said.append) == 0
    assert verify_log(filled.settings, "0" * 64, None, said.append) == 1
    assert "anchor" in said[-1]
    assert verify_log(filled.settings, "none", None, said.append) == 2
    with filled.store.begin() as session:
        session.execute(text("UPDATE api_audit_log SET status_code = 201 WHERE status_code = 202"))
    assert verify_log(filled.settings, None, None, said.append) == 1
    assert said[-1].startswith("BROKEN. Seal 1: ")
    monkeypatch.setattr("writ.records.command.ROWS_AT_ONCE", 2)
    out = io.BytesIO()
    assert export_log(filled.settings, None, None, "jsonl", out) == 0
    assert len(out.getvalue().splitlines()) == len(ROWS), "of all organizations, and of strangers"
    out = io.BytesIO()
    since, until = AT.replace(tzinfo=None), (AT + timedelta(milliseconds=3)).replace(tzinfo=None)
    export_log(filled.settings, since, until, "csv", out)
    assert len(out.getvalue().splitlines()) == 3


@pytest.mark.requirement(
    "S3-27", "S3-32", "S3-33", "S3-34", "S3-35", "S3-36", "S3-37", "S3-38", "S3-236", "S1-68"
)
def test_usage_logs_are_a_view_of_the_calls_with_a_key(filled: Log) -> None:
    with filled.store.read() as connection:
        found = connection.execute(text("SELECT * FROM api_usage_logs ORDER BY id")).mappings().all()
    keyed = [entry for entry in ROWS if entry["api_key_id"] is not None]
    assert len(found) == len(keyed)
    assert set(found[0]) == {
        "id",
        "api_key_id",
        "endpoint",
        "method",
        "status_code",
        "response_time_ms",
        "request_size_bytes",
        "response_size_bytes",
        "user_agent",
        "ip_address",
        "request_id",
        "timestamp",
    }
    assert found[0]["request_id"] == f"req_{entry_id(1).hex}"
    assert (found[0]["response_time_ms"], str(found[0]["ip_address"])) == (2, "192.0.2.7")
