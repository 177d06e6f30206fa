"""Applications through real HTTP: their life, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.product import Client, Product
from tests.support.redis import RedisServer

APPLICATIONS = "/v1/applications"
SETTINGS: dict[str, Any] = {
    "application_name": "Planner",
    "contact_email": "dev@example.com",
    "scopes": ["hosting.read"],
    "grant_types": ["client_credentials"],
}


@pytest.fixture
def product(tmp_path: Path, database_url: str, redis_server: RedisServer) -> Iterator[Product]:
    product = Product(tmp_path / "home", database_url, redis_server.url)
    try:
        product.prepare()
        product.start("server")
        yield product
    finally:
        product.stop()


@pytest.fixture
def owner(product: Product) -> Iterator[Client]:
    with product.client() as client:
        yield client


def registered(client: Client, **change: Any) -> dict[str, Any]:
    answer = client.post(APPLICATIONS, json={**SETTINGS, **change})
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/api{APPLICATIONS}/{shown['id']}"
    return shown


@pytest.mark.requirement(
    "S3-63",
    "S3-64",
    "S3-65",
    "S3-66",
    "S3-67",
    "S3-68",
    "S3-69",
    "S3-70",
    "S3-71",
    "S3-72",
    "S3-73",
    "S3-233",
)
def test_the_life_of_an_application(owner: Client) -> None:
    me = owner.get("/v1/users/me").json()
    shown = registered(owner, application_description="Plans.", application_url="https://example.com/")
    secret = shown.pop("client_secret")
    assert secret.startswith("writ_cs_")
    assert (shown["approval_status"], shown["approved_by"], shown["api_tier"]) == (
        "pending",
        None,
        "standard",
    )
    assert shown["created_by"] == me["id"]
    assert shown["organization_id"] == me["organization_id"]
    path = f"{APPLICATIONS}/{shown['id']}"
    assert owner.get(path).json() == shown
    # From each status, what may follow and what may not.
    ways = {"approve": "approved", "reject": "rejected", "suspend": "suspended"}
    following = {
        "pending": {"approve", "reject"},
        "approved": {"suspend"},
        "suspended": {"approve"},
    }
    for status, next_way in (("pending", "approve"), ("approved", "suspend"), ("suspended", "approve")):
        for way in ways.keys() - following[status]:
            answer = owner.post(f"{path}/{way}")
            assert (answer.status_code, answer.json()["code"]) == (409, "application_wrong_status"), way
        answer = owner.post(f"{path}/{next_way}")
        assert answer.json()["approval_status"] == ways[next_way], answer.text
    approved = owner.get(path).json()
    assert approved["approved_by"] == me["id"]
    assert approved["approved_at"] is not None
    other = registered(owner)
    assert owner.post(f"{APPLICATIONS}/{other['id']}/reject").json()["approval_status"] == "rejected"
    for way in ways:
        assert owner.post(f"{APPLICATIONS}/{other['id']}/{way}").status_code == 409
    found = owner.get(APPLICATIONS, params={"approval_status": "rejected"}).json()["data"]
    assert [row["id"] for row in found] == [other["id"]]
    newer = owner.post(f"{path}/rotate-secret").json()
    assert newer.pop("client_secret") not in (None, secret)
    changed = owner.put(path, json={**SETTINGS, "application_name": "Later", "api_tier": "premium"}).json()
    assert (changed["application_name"], changed["approval_status"]) == ("Later", "approved")
    assert (changed["client_id"], changed["application_description"]) == (shown["client_id"], None)
    assert owner.delete(path).json() == {"success": True}
    assert owner.get(path).status_code == 404


def test_bad_settings_name_their_field(owner: Client) -> None:
    web: dict[str, Any] = {"grant_types": ["authorization_code"]}
    uri = "/body/redirect_uris/0"
    bad: list[tuple[dict[str, Any], str]] = [
        (web, "/body/redirect_uris"),
        ({"grant_types": ["client_credentials"], "is_confidential": False}, "/body/grant_types"),
        ({"grant_types": ["password"]}, "/body/grant_types/0"),
        ({"scopes": ["everything"]}, "/body/scopes/0"),
        ({"contact_email": "nobody"}, "/body/contact_email"),
        ({"application_url": "javascript:alert(1)"}, "/body/application_url"),
        ({"api_tier": "gold"}, "/body/api_tier"),
        ({"approval_status": "approved"}, "/body/approval_status"),
    ] + [
        ({**web, "redirect_uris": [text]}, uri)
        for text in (
            "http://example.com/callback",
            "https://example.com/callback#fragment",
            "https://user@example.com/callback",
            "https://*.example.com/",
            "http://127.0.0.1.example.com/",
            "http://127.0.0.1@example.com/",
            "javascript:alert(1)",
            "myapp://callback",
            "https://example.com/ callback",
            "//example.com/callback",
        )
    ]
    for change, field in bad:
        answer = owner.post(APPLICATIONS, json={**SETTINGS, **change})
        assert answer.status_code == 422, (change, answer.text)
        assert {error["field"] for error in answer.json()["errors"]} == {field}, answer.text
    assert owner.get(APPLICATIONS).json()["data"] == []
    for good in (
        "https://example.com/callback?x=1",
        "http://127.0.0.1:8000/cb",
        "http://[::1]/",
        "http://localhost/",
    ):
        assert registered(owner, **web, redirect_uris=[good])["redirect_uris"] == [good]


def test_nobody_gives_what_they_do_not_have(owner: Client) -> None:
    mine = registered(owner, scopes=["users.write"])
    key = owner.post(
        "/v1/api-keys", json={"key_name": "Apps", "scopes": ["applications.write", "applications.read"]}
    ).json()["api_key"]
    headers = {"X-API-Key": key}
    path = f"{APPLICATIONS}/{mine['id']}"
    for method, url, body in (
        ("POST", APPLICATIONS, SETTINGS),
        ("PUT", path, {**SETTINGS, "scopes": ["applications.read"]}),
        ("POST", f"{path}/approve", None),
        ("POST", f"{path}/rotate-secret", None),
    ):
        answer = owner.request(method, url, json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "auth_scope_missing"), url
