"""Every call of the product's own contract is recorded, as what it was, and without secrets."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import select, text

from tests.conformance.contract import OPERATIONS
from tests.gateway.harness import Door, Got
from tests.records.entries import Log
from writ.app import make_app, make_services, prepare
from writ.records.models import NOBODY, AuditEntry
from writ.records.reading import request_id_of
from writ.settings import Settings

PASSWORD, EMAIL = "correct-horse-battery", "admin@example.com"
AUDIT_TABLES = ("api_audit_log", "audit_pending", "api_usage_hours")


class Api:
    """The product in this process, and what it was asked."""

    def __init__(self, log: Log, settings: Settings) -> None:
        self.log, self.settings = log, settings
        prepare(settings)
        self.services = make_services(settings)
        self.door = Door(make_app(self.services))
        self.answers: dict[str, Got] = {}
        self.cookie = ""
        login = self("POST", "/api/login", json={"email": EMAIL, "password": PASSWORD}, headers={})
        self.cookie = str(login.header("set-cookie")).partition(";")[0]
        self.token = self.cookie.partition("=")[2]

    def __call__(self, method: str, target: str, **options: Any) -> Got:
        options.setdefault("headers", {"Cookie": self.cookie})
        got = self.door(method, target, **options)
        request_id = got.header("x-request-id")
        assert request_id is not None
        assert request_id not in self.answers
        self.answers[request_id] = got
        return got

    def key(self, **body: Any) -> tuple[UUID, str]:
        got = self("POST", "/api/v1/api-keys", json={"key_name": "Script", **body})
        assert got.status == 201, got.body
        return UUID(got.json["id"]), got.json["api_key"]

    def entries(self) -> dict[str, Any]:
        """The log by request id; every answer is in it once, as what it was."""
        self.log.collect()
        with self.log.store.read() as connection:
            found = list(connection.execute(select(AuditEntry.__table__)).mappings())
        by_id = {request_id_of(row["id"]): row for row in found}
        assert len(by_id) == len(found)
        assert by_id.keys() == self.answers.keys()
        for request_id, got in self.answers.items():
            row = by_id[request_id]
            assert row["status_code"] == got.status
            code = got.json["code"].upper() if got.status >= 400 else None
            assert row["error_code"] == code
        return by_id

    def last(self) -> Any:
        return self.entries()[list(self.answers)[-1]]

    def close(self) -> None:
        self.door.close()
        self.services.recorder._journal.close()  # type: ignore[attr-defined]
        self.services.store.close()


@pytest.fixture
def api(log: Log, redis_server: Any) -> Iterator[Api]:
    settings = log.settings.model_copy(
        update={
            "redis_url": redis_server.url,
            "admin_email": EMAIL,
            "admin_password": SecretStr(PASSWORD),
            "body_max_bytes": 4096,
        }
    )
    api = Api(log, settings)
    yield api
    api.close()


@pytest.mark.requirement(
    "S1-61", "S1-62", "S1-63", "S1-64", "S1-65", "S1-66", "S1-67", "S1-98", "S3-28", "S3-29", "S3-30", "S3-31"
)
def test_every_kind_of_answer_is_recorded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = "01890000-0000-7000-8000-000000999999"
    key_id, key = api.key(preset="read-only")
    bearer = {"Authorization": f"Bearer {key}", "User-Agent": "script/1.0"}
    expected = {
        200: api("GET", "/api/sites?limit=5&status=active", headers=bearer),
        202: api("POST", "/api/sites", json={"name": "Shop", "slug": "shop"}),
        400: api("POST", "/api/sites", body=b"{", type="application/json"),
        401: api("GET", "/api/sites", headers={}),
        403: api("POST", "/api/sites", json={"name": "Shop", "slug": "b"}, headers=bearer),
        404: api("GET", f"/api/sites/{unknown}", headers=bearer),
        405: api("DELETE", "/api/sites"),
        406: api("GET", "/api/sites", headers={"Cookie": api.cookie, "Accept": "image/png"}),
        409: api("POST", "/api/sites", json={"name": "Shop", "slug": "shop"}),
        413: api("POST", "/api/sites", json={"name": "x" * 5000, "slug": "c"}),
        415: api("POST", "/api/sites", body=b"<a/>", type="application/xml"),
        422: api("POST", "/api/sites", json={"name": 7}),
    }
    assert {status: got.status for status, got in expected.items()} == {status: status for status in expected}
    api("GET", "/api/nothing/here?secret=1", headers={})
    api("OPTIONS", "/api/sites", headers={})
    api("HEAD", "/api/sites")
    api("GET", "/api/sites", headers={"Authorization": f"Bearer {key[:-1]}x"})
    monkeypatch.setattr("writ.hosting.reading.list_sites", lambda *_: 1 / 0)
    assert api("GET", "/api/sites").status == 500
    found = api.entries()

    def of(got: Got) -> Any:
        return found[str(got.header("x-request-id"))]

    read, made = of(expected[200]), of(expected[202])
    assert (read["api_key_id"], read["actor_kind"], read["user_agent"]) == (key_id, "key", "script/1.0")
    assert (read["operation_id"], read["endpoint"], read["method"]) == ("list_sites", "/sites", "GET")
    assert json.loads(read["parameters"]) == {"query": {"limit": 5, "status": "active"}}
    assert (read["ip_address"], read["path"]) == ("192.0.2.1", "/api/sites")
    assert read["response_size_bytes"] == len(expected[200].body)
    assert read["response_time_us"] > 0
    assert (made["actor_kind"], made["api_key_id"]) == ("session", None)
    assert json.loads(made["parameters"])["body"] == {"name": "Shop", "slug": "shop"}
    assert made["request_size_bytes"] == len(b'{"name":"Shop","slug":"shop"}')
    missing = of(expected[404])
    assert json.loads(missing["parameters"]) == {"path": {"id": unknown}}
    assert (missing["endpoint"], missing["organization_id"]) == ("/sites/{id}", made["organization_id"])
    assert of(expected[401])["organization_id"] == NOBODY
    assert of(expected[422])["parameters"] is None, "what did not pass validation is not kept"
    assert (of(expected[405])["operation_id"], of(expected[405])["endpoint"]) == (None, "/api/sites")


def test_too_many_is_recorded(api: Api) -> None:
    for _ in range(8):
        got = api("POST", "/api/login", json={"email": EMAIL, "password": "wrong"}, headers={})
    assert got.status == 429
    assert api.last()["error_code"] == "RATE_LIMITED"


def test_who_hung_up_is_recorded(api: Api) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("writ.gateway.front.read_bounded", _gone)
        api.door("POST", "/api/sites", json={"name": "Shop", "slug": "shop"}, headers={"Cookie": api.cookie})
    api.log.collect()
    with api.log.store.read() as connection:
        rows = connection.execute(select(AuditEntry.status_code, AuditEntry.operation_id)).all()
    assert (499, "create_site") in [tuple(row) for row in rows]


async def _gone(*_: object) -> bytes:
    from writ.gateway.reading import ClientGone

    raise ClientGone


def test_an_upload_is_its_size_and_checksum(api: Api) -> None:
    got = api("POST", "/api/uploads", body=b"PK\x03\x04" + b"\0" * 100, type="application/zip")
    assert got.status == 201, got.body
    row = api.last()
    body = json.loads(row["parameters"])["body"]
    assert (body["size"], len(body["sha256"]), body["media_type"]) == (104, 64, "application/zip")
    assert row["request_size_bytes"] == 104


@pytest.mark.requirement("S1-61")
def test_the_api_shows_what_it_recorded(api: Api) -> None:
    key_id, key = api.key(preset="read-only")
    bearer = {"Authorization": f"Bearer {key}"}
    for _ in range(3):
        made = api("GET", "/api/sites", headers=bearer)
    api("POST", "/api/login", json={"email": EMAIL, "password": "wrong"}, headers={})
    api.entries()
    page = api("GET", f"/api/v1/audit-log?api_key_id={key_id}&limit=2", headers=bearer).json
    assert len(page["data"]) == 2
    entry = page["data"][0]
    assert entry["request_id"] == made.header("x-request-id")
    assert api("GET", f"/api/v1/audit-log/{entry['id']}", headers=bearer).json == entry
    strangers = api("GET", "/api/v1/audit-log?strangers=true").json["data"]
    assert [(found["operation_id"], found["status_code"]) for found in strangers] == [("login", 401)]
    assert {found["organization_id"] for found in strangers} == {None}
    target = f"/api/v1/audit-log/export?api_key_id={key_id}"
    lines = api("GET", target, headers=bearer)
    assert lines.header("content-type") == "application/x-ndjson"
    assert len(lines.body.splitlines()) == 3
    table = api("GET", target, headers={**bearer, "Accept": "text/csv"})
    assert table.header("content-type") == "text/csv"
    assert len(table.body.splitlines()) == 4
    assert api("GET", f"{target}&format=csv", headers=bearer).body == table.body
    assert api("GET", f"{target}&from=2026-06-30T23:59:60Z", headers=bearer).status == 422
    summary = api("GET", f"/api/v1/usage/summary?api_key_id={key_id}", headers=bearer).json
    assert summary["total"]["requests"] == 3
    quotas = api("GET", f"/api/v1/usage/quotas?api_key_id={key_id}", headers=bearer).json
    assert (quotas["data"][0]["used"], quotas["data"][0]["remaining"]) == (3, 997)
    # What the key may still do is counted live: with this request, which is in no log yet.
    own = {limit["limit"]: limit for limit in quotas["own"]}
    hour = own["key-hosting-standard-1h"]
    assert (hour["subject"], hour["amount"], hour["used"], hour["remaining"]) == ("key", 1000, 3, 997)
    asked = api("GET", "/api/v1/usage/quotas", headers=bearer)
    again = {limit["limit"]: limit for limit in asked.json["own"]}
    more = {
        name for name in own if not own[name]["is_burst"] and again[name]["used"] == own[name]["used"] + 1
    }
    assert {own[name]["subject"] for name in more} == {"key", "organization"}
    assert str(again["organization-1m"]["remaining"]) in str(asked.header("ratelimit"))
    people = {limit["subject"] for limit in api("GET", "/api/v1/usage/quotas").json["own"]}
    assert people == {"user", "organization"}, "to a person it tells the person's"
    _, mute = api.key()
    for path in ("/v1/audit-log", "/v1/usage/summary"):
        assert api("GET", f"/api{path}", headers={"Authorization": f"Bearer {mute}"}).status == 403
    api.entries()


def test_strange_paths_and_headers_are_recorded(api: Api) -> None:
    for target in ("/api/%00", "/api/%ff%fe", "/api/" + "x" * 5000, "/api/ü", "/api/%0a%0d"):
        assert api("GET", target, headers={"User-Agent": "a\x01b" * 200}).status == 404
    rows = api.entries().values()
    assert max(len(row["path"]) for row in rows) <= 2000
    assert max(len(row["endpoint"]) for row in rows) <= 255
    assert max(len(row["user_agent"]) for row in rows) <= 200
    assert api.log.verify().fault is None


def test_a_full_disk_answers_503_and_leaves_nothing_half_done(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if data.startswith(b"[1,"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    got = api.door("GET", "/api/sites", headers={"Cookie": api.cookie})
    assert (got.status, got.json["code"]) == (503, "service_unavailable")
    # What changes something has its record in the database.
    assert api("POST", "/api/sites", json={"name": "Shop", "slug": "shop"}).status == 202
    monkeypatch.undo()
    assert api("GET", "/api/sites").status == 200
    api.entries()


def hide(node: Any, parts: list[str], secret: str) -> Any:
    """The body with the secret at a place."""
    if not parts:
        return secret
    return {**node, parts[0]: hide(node.get(parts[0], {}), parts[1:], secret)}


def test_no_secret_gets_in(api: Api) -> None:
    _, key = api.key(preset="full")
    secret = "hunter2-is-nobodys-password"
    bearer = {"Authorization": f"Bearer {key}"}
    redacting = [o for o in OPERATIONS.values() if o.raw["x-audit"]["redact"]]
    assert len(redacting) >= 6
    unknown = "01890000-0000-7000-8000-000000999999"
    for operation in redacting:
        for _, media, value in operation.bodies():
            body = value
            for pointer in operation.raw["x-audit"]["redact"]:
                if pointer.startswith("/body/"):
                    body = hide(body, pointer.split("/")[2:], secret)
            if media == "application/json":
                path = operation.path.replace("{id}", unknown)
                api(operation.method, f"/api{path}", json=body, headers=bearer)
    # In each place of a request, known to the contract or not.
    for value in (key, api.token, f"Bearer {key}"):
        path = value.replace(" ", "%20")
        api("GET", f"/api/{path}", headers=bearer)
        api("GET", f"/api/sites/{path}", headers=bearer)
        api("GET", f"/api/sites?slug={path}", headers=bearer)
        api("GET", f"/api/sites?{path}=1", headers=bearer)
        api("GET", f"/api/nothing?x={path}", headers={})
        api("GET", "/api/sites", headers={**bearer, "User-Agent": value, "X-Other": value})
        api("POST", "/api/sites", json={"name": value, "slug": f"s{len(value)}"}, headers=bearer)
        api("POST", "/api/sites", json={"name": "x", "slug": "x", "note": value}, headers=bearer)
        api("POST", "/api/sites", body=value.encode(), type="application/json", headers=bearer)
    api("GET", f"/api/sites?password={secret}", headers=bearer)
    api("GET", f"/api/nothing?password={secret}", headers={})
    api("POST", "/api/sites", json={"name": "x", "slug": "x", "pasword": secret}, headers=bearer)
    api("POST", "/api/login", json={"email": EMAIL, "password": secret}, headers={})
    raw = b"".join(path.read_bytes() for path in Path(api.settings.home_path).rglob("*.journal"))
    assert raw, "nothing was in the journal"
    with api.log.store.read() as connection:
        raw += b"".join(connection.exec_driver_sql("SELECT line FROM audit_pending").scalars())
    api.entries()
    with api.log.store.read() as connection:
        for table in AUDIT_TABLES:
            raw += repr(connection.execute(text(f"SELECT * FROM {table}")).all()).encode()
    if api.log.store.engine.dialect.name == "sqlite":
        folder = Path(str(api.log.store.engine.url.database)).parent
        # Of the database everything, with what is left of deleted rows; sites have names that are not hidden.
        with api.log.store.begin() as session:
            session.execute(text("DELETE FROM sites"))
            session.execute(text("DELETE FROM jobs"))
        with api.log.store.reader.connect() as connection:
            connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        raw += b"".join(path.read_bytes() for path in folder.glob("test.db*"))
    for hidden in (key, api.token, secret, PASSWORD):
        assert hidden.encode() not in raw, hidden[:8]
