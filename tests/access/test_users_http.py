"""Users through real HTTP, with two server processes on one database."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.product import EMAIL, PASSWORD, Client, Product, running_servers
from tests.support.redis import RedisServer
from writ.access.roles import SCOPES_OF_ROLE
from writ.settings import Settings
from writ.store.work import Store

USERS = "/v1/users"
GOOD = "a long enough password"


@pytest.fixture
def products(tmp_path: Path, database_url: str, redis_server: RedisServer) -> Iterator[list[Product]]:
    """Two servers that share nothing but database and Redis."""
    with running_servers(tmp_path, database_url, redis_server.url, {}, {}) as servers:
        yield servers


@pytest.fixture
def owner(products: list[Product]) -> Iterator[Client]:
    with products[0].client() as client:
        yield client


def made(client: httpx.Client, login: str, role: str, **body: Any) -> dict[str, Any]:
    body = {"email": f"{login}@example.com", "role": role, "password": GOOD, **body}
    answer = client.post(USERS, json=body)
    assert answer.status_code == 201, answer.text
    user: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/api{USERS}/{user['id']}"
    return user


def logged_in(product: Product, name: str, password: str = GOOD) -> Client:
    client = Client(product, log_in=False)
    answer = client.post("/login", json={"email": f"{name}@example.com", "password": password})
    assert answer.status_code == 200, answer.text
    return client


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.requirement("S3-93")
def test_what_becomes_of_a_user_holds_at_the_next_request_in_every_process(
    products: list[Product], owner: Client
) -> None:
    user = made(owner, "Carl", "admin", name="Carl")
    assert (user["email"], user["password"]) == ("carl@example.com", None)
    clients = [logged_in(product, "carl") for product in products]
    key = clients[0].post("/v1/api-keys", json={"key_name": "Mine", "preset": "full"}).json()["api_key"]

    def seen() -> list[Any]:
        """By each server, with a login, then with the key."""
        found = []
        for client, product in zip(clients, products, strict=True):
            for answer in (
                client.get(USERS),
                httpx.get(f"{product.url}/api{USERS}", headers={"X-API-Key": key}),
            ):
                found.append(200 if answer.status_code == 200 else answer.json()["code"])
        return found

    me = clients[1].get(f"{USERS}/me").json()
    assert me["credential"] == {
        "kind": "session",
        "scopes": sorted(SCOPES_OF_ROLE["admin"]),
        "key_id": None,
        "application_id": None,
    }
    assert seen() == [200] * 4
    settings = {"email": "carl@example.com", "name": "Carl", "role": "viewer"}
    assert owner.put(f"{USERS}/{user['id']}", json=settings).json()["role"] == "viewer"
    assert seen() == ["auth_scope_missing"] * 4
    owner.put(f"{USERS}/{user['id']}", json={**settings, "role": "admin"})
    assert seen() == [200] * 4
    assert owner.delete(f"{USERS}/{user['id']}").json() == {"success": True}
    assert seen() == ["unauthorized", "api_key_revoked"] * 2
    assert owner.get(f"{USERS}/{user['id']}").json()["status"] == "inactive"
    login = {"email": "carl@example.com", "password": GOOD}
    unknown = {"email": "nobody@example.com", "password": GOOD}
    answers = [httpx.post(f"{products[1].url}/api/login", json=body) for body in (login, unknown)]
    assert [(a.status_code, a.json()["message"]) for a in answers] == [
        (401, answers[1].json()["message"])
    ] * 2
    again = owner.put(f"{USERS}/{user['id']}", json={**settings, "role": "admin", "status": "active"})
    assert again.json()["status"] == "active"
    assert seen() == ["unauthorized", 200] * 2
    logged_in(products[1], "carl").close()


def test_nobody_rises_above_themselves(products: list[Product], owner: Client) -> None:
    made(owner, "ann", "admin")
    owner_id = owner.get(f"{USERS}/me").json()["id"]
    admin = logged_in(products[0], "ann")
    assert refused(admin.post(USERS, json={"email": "o@example.com", "role": "owner"})) == (
        403,
        "role_too_high",
    )
    assert refused(admin.delete(f"{USERS}/{owner_id}")) == (403, "role_too_high")
    settings = {"email": EMAIL, "role": "viewer"}
    assert refused(admin.put(f"{USERS}/{owner_id}", json=settings)) == (403, "role_too_high")
    me = admin.get(f"{USERS}/me").json()
    mine = {"email": me["email"], "role": "owner"}
    assert refused(admin.put(f"{USERS}/{me['id']}", json=mine)) == (403, "role_too_high")
    viewer = made(admin, "vera", "viewer")
    # A key of the owner that may only manage users manages nobody who may do more.
    scopes = ["users.read", "users.write"]
    key = owner.post("/v1/api-keys", json={"key_name": "People", "scopes": scopes}).json()["api_key"]
    with httpx.Client(base_url=f"{products[0].url}/api", headers={"X-API-Key": key}) as program:
        asked = program.post(USERS, json={"email": "a@example.com", "role": "admin"})
        assert refused(asked) == (403, "auth_scope_missing")
        assert "keys.write" in asked.json()["error"]["details"]["required_scope"]
        assert refused(program.delete(f"{USERS}/{me['id']}")) == (403, "auth_scope_missing")
        asked = program.put(f"{USERS}/{viewer['id']}", json={"email": "vera@example.com", "role": "admin"})
        assert refused(asked) == (403, "auth_scope_missing")
        password = {"old_password": PASSWORD, "new_password": GOOD}
        assert refused(program.post(f"{USERS}/me/password", json=password)) == (403, "forbidden")
    kept = owner.get(USERS, params={"role": "admin"}).json()["data"]
    assert [user["id"] for user in kept] == [me["id"]]


def test_one_owner_remains(products: list[Product], owner: Client) -> None:
    second = made(owner, "olga", "owner")
    other = logged_in(products[1], "olga")
    first_id = owner.get(f"{USERS}/me").json()["id"]
    # Both deactivate each other at once: one comes first, and what the other did is undone or refused.
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(lambda a: a[0].delete(f"{USERS}/{a[1]}"), [(owner, second["id"]), (other, first_id)])
        )
    assert sorted(a.status_code for a in answers) in ([200, 401], [200, 409]), [a.text for a in answers]
    left = owner if answers[0].status_code == 200 else other
    mine = left.get(f"{USERS}/me").json()
    assert refused(left.delete(f"{USERS}/{mine['id']}")) == (409, "last_owner")
    for change in ({"role": "admin"}, {"role": "owner", "status": "inactive"}):
        body = {"email": mine["email"], **change}
        assert refused(left.put(f"{USERS}/{mine['id']}", json=body)) == (409, "last_owner")
    active = left.get(USERS, params={"role": "owner", "status": "active"}).json()["data"]
    assert [user["id"] for user in active] == [mine["id"]]


def test_a_new_password_ends_the_other_sessions(products: list[Product], owner: Client) -> None:
    user = owner.post(USERS, json={"email": "carl@example.com", "role": "viewer"}).json()
    first, second = (logged_in(product, "carl", user["password"]) for product in products)
    path = f"{USERS}/me/password"
    wrong = {"old_password": "not this one", "new_password": GOOD}
    assert refused(first.post(path, json=wrong)) == (401, "invalid_credentials")
    short = first.post(path, json={"old_password": user["password"], "new_password": "short"})
    assert [e["field"] for e in short.json()["errors"]] == ["/body/new_password"]
    assert second.get(f"{USERS}/me").status_code == 200
    good = {"old_password": user["password"], "new_password": GOOD}
    assert first.post(path, json=good).json() == {"success": True}
    assert first.get(f"{USERS}/me").status_code == 200
    assert second.get(f"{USERS}/me").status_code == 401
    logged_in(products[1], "carl").close()
    for _ in range(8):
        answer = first.post(path, json=wrong)
    assert refused(answer) == (429, "rate_limited")


def test_bad_users_name_their_field(products: list[Product], owner: Client) -> None:
    made(owner, "carl", "viewer")
    bad: list[tuple[dict[str, Any], int, list[str]]] = [
        ({"email": "CARL@EXAMPLE.COM"}, 409, ["/body/email"]),
        ({"email": "nobody"}, 422, ["/body/email"]),
        ({"role": "king"}, 422, ["/body/role"]),
        ({"password": "short"}, 422, ["/body/password"]),
        ({"status": "inactive"}, 422, ["/body/status"]),
    ]
    for change, status, fields in bad:
        answer = owner.post(USERS, json={"email": "x@example.com", "role": "viewer", **change})
        assert (answer.status_code, [e["field"] for e in answer.json()["errors"]]) == (status, fields), change
    assert len(owner.get(USERS).json()["data"]) == 2


def test_a_change_is_told(products: list[Product], owner: Client, database_url: str, tmp_path: Path) -> None:
    user = made(owner, "carl", "viewer")
    owner.put(f"{USERS}/{user['id']}", json={"email": "carl@example.com", "role": "creator"})
    owner.delete(f"{USERS}/{user['id']}")
    store = Store(Settings(home=tmp_path, database_url=database_url).database)
    with store.read() as connection:
        query = "SELECT type, data FROM events WHERE subject = 'user:" + user["id"] + "' ORDER BY sequence"
        rows = connection.exec_driver_sql(query).all()
    store.close()
    assert [row[0] for row in rows] == ["user.created", "user.updated", "user.deactivated"]
    assert not [row for row in rows if "password" in str(row[1])]
