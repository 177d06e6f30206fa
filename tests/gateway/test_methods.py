"""Methods and media types: HEAD, OPTIONS, 405 with Allow, 406, 415."""

from __future__ import annotations

import pytest

from tests.gateway.harness import Door


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PATCH", "/api/items", "GET, HEAD, OPTIONS, POST"),
        ("TRACE", "/api/items", "GET, HEAD, OPTIONS, POST"),
        ("PROPFIND", "/api/items", "GET, HEAD, OPTIONS, POST"),
        ("HEAD", "/api/forms", "OPTIONS, POST"),
        ("POST", "/api/items/x", "DELETE, GET, HEAD, OPTIONS"),
        ("DELETE", "/api/items/mine", "GET, HEAD, OPTIONS"),
    ],
)
def test_another_method_is_refused_with_what_there_is(door: Door, method: str, path: str, allow: str) -> None:
    got = door(method, path)
    assert (got.status, got.header("allow")) == (405, allow)
    assert got.body == b"" if method == "HEAD" else got.json["code"] == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize("path", ["/api/items", "/api/private", "/api/items/x"])
def test_options_tells_the_methods_to_anybody(door: Door, path: str) -> None:
    got = door("OPTIONS", path)
    assert (got.status, got.body) == (204, b"")
    assert "GET" in (got.header("allow") or "")


@pytest.mark.parametrize("target", ["/api/items?limit=3", "/api/items?limit=0", "/api/private", "/api/plain"])
def test_head_is_get_without_the_body(door: Door, target: str) -> None:
    head, get = door("HEAD", target), door("GET", target)
    assert (head.status, head.body) == (get.status, b"")
    assert len(get.body) > 0
    assert head.header("content-length") == str(len(get.body))
    assert head.header("content-type") == get.header("content-type")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        ("application/json", 200),
        ("application/*", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("text/html, application/json;q=0.1", 200),
        ("text/html,*/*;q=0.8", 200),
        ("", 200),
        ("text/html", 406),
        ("application/xml", 406),
        ("application/json;q=0, */*", 406),
        ("application/*;q=0.0, */*;q=1", 406),
        ("*/*;q=0", 406),
    ],
)
def test_what_is_accepted_decides(door: Door, accept: str, status: int) -> None:
    got = door("GET", "/api/items", headers={"Accept": accept})
    assert got.status == status
    assert status == 200 or "application/json" in got.json["message"]


@pytest.mark.parametrize(
    ("type", "status"),
    [
        ("application/json", 201),
        ("Application/JSON;charset=UTF-8", 201),
        ('application/json; charset="utf-8"', 201),
        ("application/json; charset=latin-1", 415),
        ("application/json; charset=nonsense", 415),
        ("application/json; charset=utf-16", 415),
        ("text/json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("nonsense", 415),
        ("", 415),
        (None, 415),
    ],
)
def test_the_type_of_a_body_decides(door: Door, type: str | None, status: int) -> None:
    got = door("POST", "/api/items", body=b'{"name": "a"}', type=type)
    assert got.status == status
    assert status == 201 or got.json["code"] == "UNSUPPORTED_FORMAT"


@pytest.mark.parametrize("path", ["/healthz", "/openapi.json", "/docs", "/docs/ui/swagger-ui.css"])
def test_outside_the_contract_methods_are_told_in_the_same_way(door: Door, path: str) -> None:
    told = door("OPTIONS", path)
    assert (told.status, told.header("allow"), told.body) == (204, "GET, HEAD, OPTIONS", b"")
    assert told.header("x-request-id")
    refused = door("POST", path)
    assert (refused.status, refused.header("allow")) == (405, "GET, HEAD, OPTIONS")
    assert refused.json["message"] == "This path takes GET, HEAD, OPTIONS, not POST."
    assert refused.json["request_id"] == refused.header("x-request-id")


@pytest.mark.parametrize(("coding", "status"), [("identity", 201), ("gzip", 415), ("gzip, identity", 415)])
def test_a_compressed_body_is_refused_as_what_it_is(door: Door, coding: str, status: int) -> None:
    got = door("POST", "/api/items", json={"name": "a"}, headers={"Content-Encoding": coding})
    assert got.status == status
    assert status == 201 or "uncompressed" in got.json["message"]


def test_a_header_on_several_lines_is_one_list(door: Door) -> None:
    split = [("Cookie", "session_token=fake-token"), ("Cookie", "theme=dark")]
    assert door("GET", "/api/private", headers=split).status == 200
    assert door("GET", "/api/private", headers=split[::-1]).status == 200
    accepts = [("Accept", "application/json"), ("Accept", "text/html")]
    assert door("GET", "/api/items", headers=accepts).status == 200
    assert door("GET", "/api/items", headers=accepts[1:]).status == 406
    tags = [("X-Trace", "abc"), ("X-Tags", "1"), ("X-Tags", "2")]
    assert door("GET", "/api/traced", headers=tags).json["headers"] == {"x-trace": "abc", "x-tags": [1, 2]}
