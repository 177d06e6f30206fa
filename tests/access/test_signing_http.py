"""Signed requests through real HTTP, with two server processes on one database and one Redis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.product import Client, Product, running_servers
from tests.support.redis import RedisServer
from tests.support.signing import sign
from writ.hosting.models import Site
from writ.store.base import new_id
from writ.store.work import Store

KEYS = "/api/v1/api-keys"
NEW = b'{"key_name": "Signed"}'
JSON = {"content-type": "application/json"}


@pytest.fixture
def products(tmp_path: Path, database_url: str, redis_server: RedisServer) -> Iterator[list[Product]]:
    """Two servers with one database, Redis and secret key; people know the second by another address."""
    shared = {"WRIT_SECRET_KEY": "s" * 40}
    public = {**shared, "WRIT_PUBLIC_URL": "https://writ.example.com"}
    with running_servers(tmp_path, database_url, redis_server.url, shared, public) as servers:
        yield servers


@pytest.fixture
def owner(products: list[Product]) -> Iterator[Client]:
    with products[0].client() as client:
        yield client


def made(owner: Client, **body: Any) -> dict[str, Any]:
    answer = owner.post("/v1/api-keys", json={"key_name": "Script", **body})
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def headers_for(
    product: Product, key: dict[str, Any], method: str, path: str, body: bytes = b"", **options: Any
) -> dict[str, str]:
    given = {"key_id": key["id"], "api_key": key["api_key"], "api_secret": key["api_secret"], **options}
    return sign(method, options.pop("base", product.url) + path, body=body, **_without_base(given))


def _without_base(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != "base"}


def send(
    product: Product, method: str, path: str, headers: dict[str, str], body: bytes = b""
) -> tuple[int, Any]:
    """The status, and the code of a refusal with its reason."""
    answer = httpx.request(method, product.url + path, headers=headers, content=body)
    if answer.is_success:
        return answer.status_code, None
    error = answer.json()["error"]
    return answer.status_code, error["details"].get("reason", error["code"])


@pytest.mark.requirement("S0-40", "S0-41")
def test_a_key_that_demands_signatures(products: list[Product], owner: Client) -> None:
    first, second = products
    key = made(owner, preset="full", require_signature=True)
    assert key["require_signature"] is True
    bare = {"x-api-key": key["api_key"]}
    assert send(first, "GET", "/api/sites", bare) == (401, "signature_required")
    path = "/api/v1/api-keys?limit=5"
    headers = headers_for(first, key, "GET", path)
    assert send(first, "GET", path, headers) == (200, None)
    for product in (second, first):
        moved = (401, "mismatch") if product is second else (401, "signature_replayed")
        assert send(product, "GET", path, headers) == moved, "the other server has another address"
    # Signed for the address that people know, it is good at both once: the nonce is theirs together.
    headers = headers_for(second, key, "GET", path, base="https://writ.example.com")
    assert send(first, "GET", path, headers) == (401, "mismatch")
    assert send(second, "GET", path, headers) == (200, None)
    assert send(second, "GET", path, headers) == (401, "signature_replayed")
    by_path = {
        "@method": "GET",
        "@path": "/api/v1/api-keys",
        "@query": "?limit=5",
        "x-api-key": key["api_key"],
    }
    headers = headers_for(first, key, "GET", path, covered=by_path)
    assert send(first, "GET", path, headers) == (200, None)
    assert send(second, "GET", path, headers) == (401, "signature_replayed"), "of another process"


@pytest.mark.requirement("S0-41")
def test_a_tampered_order_makes_nothing(products: list[Product], owner: Client) -> None:
    first = products[0]
    key = made(owner, preset="full", require_signature=True)
    headers = headers_for(first, key, "POST", KEYS, NEW, headers=JSON)
    evil = NEW.replace(b"Signed", b"Evil!!")
    assert send(first, "POST", KEYS, headers, evil) == (401, "digest_mismatch")
    assert send(first, "PUT", f"{KEYS}/{key['id']}", headers, NEW) == (401, "mismatch")
    names = {found["key_name"] for found in owner.get("/v1/api-keys").json()["data"]}
    assert names == {"Script"}
    assert send(first, "POST", KEYS, headers, NEW) == (201, None)
    archive = b"PK" + bytes(70_000)
    upload = headers_for(
        first, key, "POST", "/api/uploads", archive, headers={"content-type": "application/zip"}
    )
    assert send(first, "POST", "/api/uploads", upload, archive[:-1] + b"x") == (401, "digest_mismatch")
    assert not [*(first.home / "files" / "spool").glob("*")], "what was refused is gone from the disk"
    upload = headers_for(
        first, key, "POST", "/api/uploads", archive, headers={"content-type": "application/zip"}
    )
    assert send(first, "POST", "/api/uploads", upload, archive) == (201, None)


@pytest.mark.requirement("S1-07", "S1-52", "S3-18")
def test_both_secrets_are_good_in_the_grace_period(products: list[Product], owner: Client) -> None:
    first, second = products
    old = made(owner, preset="full", require_signature=True)
    path = f"/v1/api-keys/{old['id']}/regenerate"
    new = owner.post(path, json={"grace_seconds": 3600}).json()
    assert new["api_secret"] != old["api_secret"]
    for product in (first, second):
        for key in (old, new):
            assert send(product, "GET", "/api/sites", headers_for(product, key, "GET", "/api/sites")) == (
                200,
                None,
            )
    newer = owner.post(path).json()
    stale = {**newer, "api_secret": new["api_secret"]}
    assert send(second, "GET", "/api/sites", headers_for(second, stale, "GET", "/api/sites")) == (
        401,
        "mismatch",
    )
    assert owner.post(f"/v1/api-keys/{old['id']}/revoke").status_code == 200
    for product in (second, first):
        headers = headers_for(product, newer, "GET", "/api/sites")
        assert send(product, "GET", "/api/sites", headers) == (401, "api_key_revoked")
    shown = owner.get(f"/v1/api-keys/{old['id']}").json()
    assert not {"api_key", "api_secret"} & set(shown)
    secrets = [key[name] for key in (old, new, newer) for name in ("api_key", "api_secret")]
    for product in products:
        assert not [text for text in secrets if text[32:50] in product.log("server")], (
            "a secret is in the log"
        )


@pytest.mark.requirement("S1-48", "S3-146")
def test_projects_and_endpoints_of_a_key(products: list[Product], owner: Client, database_url: str) -> None:
    store = Store(database_url, pool_size=1)
    site = new_id()
    with store.begin() as session:
        session.add(Site(id=site, name="Shop", slug="shop", status="active"))
    store.close()
    key = made(
        owner,
        preset="project-specific",
        projects=[str(site)],
        endpoints={"GET /sites/{id}": False, "DELETE /sites/{id}": False},
    )
    assert key["projects"] == [str(site)]
    bearer = {"authorization": f"Bearer {key['api_key']}"}
    for product in products:
        for method in ("GET", "DELETE", "HEAD"):
            answer = httpx.request(method, f"{product.url}/api/sites/{site}", headers=bearer)
            assert answer.status_code == 403, answer.text
        assert send(product, "GET", f"/api/sites/{site}", bearer) == (403, "forbidden")
        assert send(product, "GET", "/api/sites", bearer) == (200, None)
    settings = {
        name: key[name]
        for name in ("key_name", "scopes", "projects", "rate_limits", "require_signature", "ip_allowlist")
    }
    replaced = owner.put(f"/v1/api-keys/{key['id']}", json=settings).json()
    assert (replaced["projects"], replaced["endpoints"]) == ([str(site)], {})
    assert send(products[1], "GET", f"/api/sites/{site}", bearer) == (200, None)
