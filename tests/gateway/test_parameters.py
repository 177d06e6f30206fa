"""Parameters: decoded by their schemas, defaults filled in, every fault told with its place."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.gateway.harness import Door

WHO = "12345678-1234-4234-8234-123456789012"


@pytest.mark.parametrize(
    ("target", "values"),
    [
        ("/api/items", {"limit": 20}),
        ("/api/items?limit=5&flag=true&ratio=-1.5e2", {"limit": 5, "flag": True, "ratio": -150.0}),
        ("/api/items?tags=a&tags=b%2Cc", {"limit": 20, "tags": ["a", "b,c"]}),
        ("/api/items?ids=1,2,-3", {"limit": 20, "ids": [1, 2, -3]}),
        ("/api/items?text=%C3%A9+x", {"limit": 20, "text": "é x"}),
        (f"/api/items?who={WHO}&day=2024-02-29", {"limit": 20, "who": WHO, "day": "2024-02-29"}),
        ("/api/items?when=2024-02-29T23:59:60Z", {"limit": 20, "when": "2024-02-29T23:59:60Z"}),
        ("/api/items?&limit=7&", {"limit": 7}),
        ("/api/sizes?size=9", {"size": 9}),
        ("/api/sizes?size=auto", {"size": "auto"}),
        ("/api/sizes?numbers=4", {"numbers": 4}),
        ("/api/sizes?numbers=4&numbers=5", {"numbers": [4, 5]}),
    ],
)
def test_a_query_is_decoded(door: Door, target: str, values: dict[str, Any]) -> None:
    got = door("GET", target)
    assert (got.status, got.json["query"]) == (200, values)


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("limit=0", ["/query/limit"]),
        ("limit=101&flag=yes&kind=blue", ["/query/limit", "/query/flag", "/query/kind"]),
        ("limit=1_0", ["/query/limit"]),
        ("limit=%D9%A1", ["/query/limit"]),
        ("limit=+1", ["/query/limit"]),
        ("limit=1.0", ["/query/limit"]),
        ("limit=" + "9" * 5000, ["/query/limit"]),
        ("limit=1&limit=2", ["/query/limit"]),
        ("ratio=nan", ["/query/ratio"]),
        ("ratio=1e999", ["/query/ratio"]),
        ("flag=True", ["/query/flag"]),
        ("text=a", ["/query/text"]),
        ("tags=a&tags=&tags=b", ["/query/tags/1"]),
        ("tags=a&tags=b&tags=c&tags=d", ["/query/tags"]),
        ("ids=1,x,2,y", ["/query/ids/1", "/query/ids/3", "/query/ids"]),
        ("ids=1&ids=2", ["/query/ids"]),
        ("when=2024-02-30T00:00:00Z", ["/query/when"]),
        ("day=2023-02-29", ["/query/day"]),
        ("who=12345678123442348234123456789012", ["/query/who"]),
        ("unknown=1&Limit=1", ["/query/unknown", "/query/Limit"]),
        ("a/b~c=1", ["/query/a~1b~0c"]),
    ],
)
def test_every_fault_of_a_query_is_told(door: Door, query: str, places: list[str]) -> None:
    got = door("GET", f"/api/items?{query}")
    assert (got.status, got.json["code"]) == (422, "VALIDATION_ERROR")
    assert sorted(e["field"] for e in got.json["errors"]) == sorted(places)
    assert all(e["code"] and e["message"] for e in got.json["errors"])


@pytest.mark.parametrize("query", ["size=10", "size=automatic", "numbers=1.5", "numbers=1&numbers=x"])
def test_a_union_in_the_query_is_checked(door: Door, query: str) -> None:
    assert door("GET", f"/api/sizes?{query}").status == 422


def test_a_query_that_is_not_utf8_is_malformed(door: Door) -> None:
    got = door("GET", "/api/items?text=%FF%FE")
    assert (got.status, got.json["code"]) == (400, "MALFORMED_REQUEST")
    assert "UTF-8" in got.json["message"]


def test_path_parameters_are_converted(door: Door) -> None:
    assert door("GET", f"/api/items/{WHO}").json["path"] == {"item_id": WHO}
    assert door("GET", "/api/numbers/12").json["path"] == {"number": 12}


@pytest.mark.parametrize("path", ["items/no-uuid", "items/" + quote("é\x00"), "numbers/-1", "numbers/1_0"])
def test_a_bad_path_parameter_is_told(door: Door, path: str) -> None:
    got = door("GET", f"/api/{path}")
    assert got.status == 422
    assert got.json["errors"][0]["field"] in ("/path/item_id", "/path/number")


def test_a_literal_segment_wins_over_a_parameter(door: Door) -> None:
    assert door("GET", "/api/items/mine").json["path"] == {}


def test_headers_are_parameters_too(door: Door) -> None:
    got = door("GET", "/api/traced", headers={"X-Trace": "abc", "X-Tags": "1,2"})
    assert got.json["headers"] == {"x-trace": "abc", "x-tags": [1, 2]}
    got = door("GET", "/api/traced", headers={"X-Trace": "ABC", "X-Tags": "1,b"})
    assert [e["field"] for e in got.json["errors"]] == ["/header/x-trace", "/header/x-tags/1"]


def test_a_value_that_is_not_in_the_list_is_told_the_whole_list(door: Door) -> None:
    got = door("GET", "/api/items?kind=blue")
    assert got.json["errors"][0]["message"] == "the value is not one of: red, green"
    got = door("POST", "/api/items", json={"name": "a", "kind": "blue"})
    assert got.json["errors"][0]["message"] == "the value is not one of: red, green, null"
