"""Answers: one error shape, an id on each, nothing internal, nothing that the contract does not name."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tests.gateway import handlers
from tests.gateway.contract import contract, operation
from tests.gateway.harness import COOKIE, Door, NoStore, make, make_services
from writ.gateway import front
from writ.gateway.trace import Trace

ITEM = "/api/items/12345678-1234-4234-8234-123456789012"


def test_an_answer_without_content_has_none(door: Door) -> None:
    got = door("DELETE", ITEM)
    assert (got.status, got.body) == (204, b"")
    assert got.header("content-type") is None
    assert got.header("content-length") is None


def test_answers_may_not_be_sniffed_or_stored(door: Door) -> None:
    got = door("GET", "/api/items")
    assert got.header("x-content-type-options") == "nosniff"
    assert got.header("cache-control") == "no-store"
    assert got.header("content-type") == "application/json"
    assert got.header("content-length") == str(len(got.body))


REQUESTS: list[tuple[int, str, str, dict[str, Any]]] = [
    (200, "GET", "/api/items", {}),
    (200, "HEAD", "/api/items", {}),
    (204, "OPTIONS", "/api/items", {}),
    (204, "DELETE", ITEM, {}),
    (400, "POST", "/api/items", {"body": b"{", "type": "application/json"}),
    (401, "GET", "/api/private", {}),
    (403, "GET", "/api/scoped", {"headers": COOKIE}),
    (404, "GET", "/api/nothing", {}),
    (404, "GET", "/api", {}),
    (404, "GET", "/api/items/", {}),
    (404, "GET", "/api//items", {}),
    (404, "GET", "/outside", {}),
    (404, "GET", "/apis/items", {}),
    (404, "GET", "/api/fails?how=refuse", {}),
    (405, "PATCH", "/api/items", {}),
    (405, "POST", "/healthz", {}),
    (406, "GET", "/api/items", {"headers": {"Accept": "text/html"}}),
    (413, "POST", "/api/items", {"body": b"x", "length": 1 << 30, "type": "application/json"}),
    (415, "POST", "/api/items", {"body": b"x", "type": "text/plain"}),
    (422, "GET", "/api/items?limit=0", {}),
    (500, "GET", "/api/fails", {}),
    (500, "GET", "/api/wrong?how=status", {}),
    (200, "GET", "/healthz", {}),
    (200, "GET", "/openapi.json", {}),
]


@pytest.mark.parametrize(("status", "method", "target", "options"), REQUESTS)
def test_every_answer_has_the_id_and_every_error_the_shape(
    door: Door, status: int, method: str, target: str, options: dict[str, Any]
) -> None:
    got = door(method, target, **options)
    assert got.status == status, got.body
    request_id = got.header("x-request-id")
    assert request_id is not None
    assert request_id.startswith("req_")
    if status >= 400:
        assert got.header("content-type") == "application/json"
        error = got.json
        assert set(error) == {"code", "message", "request_id", "errors", "error"}
        assert set(error["error"]) == {"code", "message", "details", "request_id"}
        assert error["request_id"] == error["error"]["request_id"] == request_id
        assert error["code"] == error["error"]["code"]
        assert error["message"] == error["error"]["message"] != ""


def test_ids_are_unique(door: Door) -> None:
    assert len({door("GET", "/api/items").header("x-request-id") for _ in range(200)}) == 200


def test_codes_are_spelled_as_the_contract_says(make_door: Callable[..., Door]) -> None:
    lower = operation("get_item", **{"x-error-case": "lower"})
    paths = {"/a": {"get": operation("get_mine")}, "/b": {"get": lower}}
    door = make_door(contract(paths=paths))
    assert door("GET", "/api/a?x=1").json["code"] == "VALIDATION_ERROR"
    assert door("GET", "/api/b?x=1").json["code"] == "validation_error"
    door = make_door(contract(paths=paths, **{"x-error-case": "lower"}))
    assert door("GET", "/api/a?x=1").json["code"] == "validation_error"
    assert door("GET", "/api/nothing").json["code"] == "not_found"


def test_nothing_internal_leaks(door: Door) -> None:
    got = door("GET", "/api/fails")
    assert (got.status, got.json["code"]) == (500, "INTERNAL_ERROR")
    assert b"hunter2" not in got.body
    assert b"RuntimeError" not in got.body


def test_an_answer_that_cannot_be_written_leaves_no_effect(tmp_path: Path) -> None:
    services = make_services(tmp_path)
    door = Door(make(tmp_path, services=services))
    assert door("POST", "/api/orders").status == 500
    assert cast(NoStore, services.store).events == ["close"]
    door.close()


@pytest.mark.parametrize(
    ("how", "fault"),
    [
        ("status", "answers 201, which the contract does not name"),
        ("header", "lacks the headers ['x-needed']"),
        ("schema", "a: the value is not of type"),
        ("media", "is text/plain; the contract says application/json"),
        ("empty", "answers 204, which the contract does not name"),
    ],
)
def test_a_wrong_answer_is_caught_where_answers_are_checked(
    make_door: Callable[..., Door], how: str, fault: str
) -> None:
    got = make_door()("GET", f"/api/wrong?how={how}")
    assert (got.status, got.json["code"]) == (500, "INTERNAL_ERROR")
    assert fault in got.json["message"]
    assert make_door(check_answers=False)("GET", f"/api/wrong?how={how}").status != 500


def test_a_range_of_statuses_covers_its_own(door: Door) -> None:
    assert door("GET", "/api/wrong?how=right").status == 200
    assert door("GET", "/api/wrong?nonsense=1").status == 422


def test_who_calls_is_asked_only_where_the_contract_does(door: Door) -> None:
    assert door("GET", "/api/items", headers={"Cookie": "session_token=bad"}).status == 200
    assert door("GET", "/api/private", headers={"Cookie": "session_token=bad"}).status == 401
    assert door("GET", "/api/private", headers={"Cookie": "xsession_token=fake-token"}).status == 401
    got = door("GET", "/api/private", headers={"Cookie": "a=b; session_token=fake-token; c=d"})
    assert got.json == {"email": "fake@example.com"}


def test_a_missing_scope_is_named(door: Door) -> None:
    got = door("GET", "/api/scoped", headers=COOKIE)
    assert (got.status, got.json["code"]) == (403, "AUTH_SCOPE_MISSING")
    assert got.json["error"]["details"] == {"required_scope": ["things.read"]}


def test_one_line_is_written_for_each_request(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[tuple[Trace, int]] = []
    monkeypatch.setattr(front, "record", lambda *line: lines.append(line))
    ids = []
    for _status, method, target, options in REQUESTS:
        ids.append(door(method, target, **options).header("x-request-id"))
    assert [trace.request_id for trace, _ in lines] == ids
    want = [(method, target.partition("?")[0], status) for status, method, target, _ in REQUESTS]
    assert [(trace.method, trace.path, status) for trace, status in lines] == want
    first = lines[0][0].operation
    assert first is not None
    assert first.id == "list_items"
    assert all(trace.seconds > 0 and trace.address == "192.0.2.1" for trace, _ in lines)


def test_as_many_handlers_run_at_once_as_there_are_threads(
    make_door: Callable[..., Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "GATE", threading.Barrier(24))
    door = make_door(server_threads=24)

    async def all_at_once() -> list[int]:
        waits = [door.ask("GET", "/api/waits") for _ in range(24)]
        return [got.status for got in await asyncio.gather(*waits)]

    assert door.loop.run_until_complete(all_at_once()) == [200] * 24
