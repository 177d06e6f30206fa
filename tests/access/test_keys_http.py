"""Keys through real HTTP, with two server processes on one database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.product import Client, Product, running_servers
from tests.support.redis import RedisServer

KEYS = "/v1/api-keys"
UNKNOWN = "01890000-0000-7000-8000-000000999999"
EVERYTHING = "*"


@pytest.fixture
def products(tmp_path: Path, database_url: str, redis_server: RedisServer) -> Iterator[list[Product]]:
    """Two servers that share nothing but database and Redis."""
    with running_servers(tmp_path, database_url, redis_server.url, {}, {}) as servers:
        yield servers


@pytest.fixture
def owner(products: list[Product]) -> Iterator[Client]:
    with products[0].client() as client:
        yield client


def made(owner: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = owner.post(KEYS, json={"key_name": "Script", **body})
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/api{KEYS}/{shown['id']}"
    return shown


def statuses(products: list[Product], text: str) -> list[Any]:
    """What each server answers to the key: 200, or the code of the refusal. Asked twice, the same twice."""
    asked = [_status(product, text) for product in products]
    assert [_status(product, text) for product in products] == asked
    return asked


def _status(product: Product, text: str) -> Any:
    answer = httpx.get(f"{product.url}/api/sites", headers={"Authorization": f"Bearer {text}"})
    return 200 if answer.status_code == 200 else answer.json()["code"]


@pytest.mark.requirement("S1-17", "S1-51", "S1-52", "S1-53", "S3-23")
def test_what_is_done_to_a_key_holds_at_the_next_request_in_every_process(
    products: list[Product], owner: Client
) -> None:
    for _ in range(5):
        key = made(owner, preset="read-only")
        assert statuses(products, key["api_key"]) == [200, 200]
        assert owner.post(f"{KEYS}/{key['id']}/revoke").json()["is_active"] is False
        assert statuses(products[::-1], key["api_key"]) == ["api_key_revoked"] * 2
    key = made(owner, preset="read-only")
    assert statuses(products, key["api_key"]) == [200, 200]
    new = owner.post(f"{KEYS}/{key['id']}/regenerate", json={"grace_seconds": 2}).json()
    began = time.monotonic()
    assert statuses(products, key["api_key"]) == statuses(products, new["api_key"]) == [200, 200]
    assert time.monotonic() - began < 2, "too slow a machine to see the grace"
    time.sleep(2)
    assert statuses(products, key["api_key"]) == ["api_key_expired"] * 2
    newer = owner.post(f"{KEYS}/{key['id']}/regenerate").json()
    assert statuses(products, new["api_key"]) == ["api_key_expired"] * 2
    assert statuses(products, newer["api_key"]) == [200, 200]
    assert owner.put(f"{KEYS}/{key['id']}", json={"key_name": "Less"}).json()["scopes"] == []
    assert statuses(products, newer["api_key"]) == ["auth_scope_missing"] * 2
    give_up = time.monotonic() + 10
    while (known := owner.get(f"{KEYS}/{key['id']}").json())["last_used_at"] is None:
        assert time.monotonic() < give_up, "the use was not written"
        time.sleep(0.05)
    assert "api_key" not in known
    assert owner.delete(f"{KEYS}/{key['id']}").json() == {"success": True}
    assert statuses(products, newer["api_key"]) == ["api_key_invalid"] * 2
    secrets = [key["api_key"], new["api_key"], newer["api_key"]]
    for product in products:
        log = product.log("server")
        assert log
        assert not [text for text in secrets if text[32:-6] in log], "a key is in the log"


def test_credentials_are_told_apart(products: list[Product], owner: Client) -> None:
    server = products[0].url
    text = made(owner, preset="full")["api_key"]
    other = made(owner, preset="full")["api_key"]
    cookie = {"Cookie": f"session_token={owner.cookies['session_token']}"}
    foreign = {"Origin": "https://foreign.example.com"}
    wrong = "writ_live_" + "0" * 71
    expected: list[tuple[dict[str, str], int, str | None]] = [
        ({"Authorization": f"bearer  {text}"}, 200, None),
        ({"X-API-Key": text}, 200, None),
        ({"X-API-Key": text, "Authorization": f"Bearer {text}"}, 200, None),
        ({"X-API-Key": text, "Authorization": f"Bearer {other}"}, 400, "malformed_request"),
        ({"X-API-Key": text, "Authorization": "Basic dTpw"}, 200, None),
        ({**cookie, "Authorization": "Basic dTpw"}, 200, None),
        ({**cookie, **foreign}, 403, "origin_not_allowed"),
        # A header is put there on purpose: the cookie beside it counts for nothing.
        ({**cookie, **foreign, "X-API-Key": text}, 200, None),
        ({**cookie, "X-API-Key": wrong}, 401, "api_key_invalid"),
        ({**cookie, "X-API-Key": ""}, 401, "unauthorized"),
        ({"Authorization": "Bearer eyJhbGciOi.J9.x"}, 401, "token_invalid"),
        ({"Authorization": "Bearer"}, 401, "unauthorized"),
        ({"Authorization": f"Bearer {text} {text}"}, 401, "api_key_invalid"),
        ({"Cookie": f"session_token={text}"}, 401, "unauthorized"),
        ({}, 401, "unauthorized"),
    ]
    with httpx.Client() as client:
        for headers, status, code in expected:
            answer = client.post(f"{server}/api/v1/api-keys/{_last(owner)}/revoke", headers=headers)
            shown = {name: value[:20] for name, value in headers.items()}
            assert (answer.status_code, answer.json().get("code")) == (status, code), shown


def _last(owner: httpx.Client) -> str:
    """A key that may be revoked again and again."""
    for key in owner.get(KEYS).json()["data"]:
        if key["key_name"] == "Victim":
            return str(key["id"])
    return str(made(owner, key_name="Victim")["id"])


@pytest.mark.requirement("S1-14", "S1-44", "S1-45", "S1-46", "S1-60")
def test_bad_settings_name_their_field(products: list[Product], owner: Client) -> None:
    bad: list[tuple[dict[str, Any], str]] = [
        ({"scopes": ["everything"]}, "/body/scopes/0"),
        ({"scopes": [EVERYTHING, "everything"]}, "/body/scopes/1"),
        ({"preset": "admin"}, "/body/preset"),
        ({"preset": "project-specific"}, "/body/projects"),
        ({"preset": "project-specific", "projects": []}, "/body/projects"),
        ({"projects": ["shop"]}, "/body/projects/0"),
        ({"projects": [UNKNOWN]}, "/body/projects/0"),
        ({"projects": UNKNOWN}, "/body/projects"),
        ({"endpoints": {"GET /nowhere": False}}, "/body/endpoints/GET ~1nowhere"),
        ({"endpoints": {"GET /sites": "no"}}, "/body/endpoints/GET ~1sites"),
        ({"endpoints": ["GET /sites"]}, "/body/endpoints"),
        ({"rate_limits": {"per_hour": 0}}, "/body/rate_limits/per_hour"),
        ({"rate_limits": {"read_per_minute": -1}}, "/body/rate_limits/read_per_minute"),
        ({"rate_limits": {"write_per_minute": 1.5}}, "/body/rate_limits/write_per_minute"),
        ({"rate_limits": {"burst": "many"}}, "/body/rate_limits/burst"),
        ({"rate_limits": {"per_hour": 10**12}}, "/body/rate_limits/per_hour"),
        ({"rate_limits": {"per_day": 1}}, "/body/rate_limits/per_day"),
        ({"rate_limits": None}, "/body/rate_limits"),
        ({"require_signature": "yes"}, "/body/require_signature"),
        ({"name": "Bad"}, "/body/name"),
        ({"scope": "hosting.read"}, "/body/scope"),
        ({"api_secret": "mine"}, "/body/api_secret"),
        ({"ip_allowlist": ["10.0.0.0/8", "10.0.0.0/33"]}, "/body/ip_allowlist/1"),
        ({"ip_allowlist": ["localhost"]}, "/body/ip_allowlist/0"),
        ({"key_type": "gold"}, "/body/key_type"),
        ({"mode": "production"}, "/body/mode"),
        ({"key_name": "x" * 101}, "/body/key_name"),
        ({"expires_at": "tomorrow"}, "/body/expires_at"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/body/expires_at"),
        ({"api_key": "mine"}, "/body/api_key"),
    ]
    for body, field in bad:
        answer = owner.post(KEYS, json={"key_name": "Bad", **body})
        assert answer.status_code == 422, body
        assert {error["field"] for error in answer.json()["errors"]} == {field}, answer.text
    assert owner.get(KEYS).json()["data"] == []
    some = made(owner)
    for body, field in bad:
        if set(body) & {"mode", "api_key", "api_secret"}:
            continue
        answer = owner.put(f"{KEYS}/{some['id']}", json={"key_name": "Bad", **body})
        assert answer.status_code == 422, body
        assert {error["field"] for error in answer.json()["errors"]} == {field}, answer.text
    assert owner.get(f"{KEYS}/{some['id']}").json()["key_name"] == "Script"
    key = made(owner, description="two\nlines", ip_allowlist=["127.9.9.9/8"], scopes=["hosting.read"])
    assert (key["key_name"], key["description"]) == ("Script", "two\nlines")
    assert key["ip_allowlist"] == ["127.0.0.0/8"]
    assert statuses(products, key["api_key"]) == [200, 200]
    away = {"key_name": "Away", "scopes": ["hosting.read"], "ip_allowlist": ["192.0.2.0/24"]}
    assert owner.put(f"{KEYS}/{key['id']}", json=away).json()["description"] is None
    assert statuses(products, key["api_key"]) == ["address_not_allowed"] * 2
