"""Limits as clients meet them: two servers on one database and one Redis, with the limits that people get."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from tests.support.product import Client, Product, running_product

HEADERS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit-policy", "ratelimit")
PATH = "/v1/rate-policies"


class Servers:
    """Two servers, an admin at the first, and keys."""

    def __init__(self, one: Product, two: Product) -> None:
        self.one, self.two = one, two
        self.admin = one.client()
        self.plain = httpx.Client(timeout=10)

    def key(self, **more: Any) -> dict[str, str]:
        body = {"key_name": "Script", "scopes": ["hosting.read", "keys.read"], **more}
        answer = self.admin.post("/v1/api-keys", json=body)
        assert answer.status_code == 201, answer.text
        return {"X-API-Key": answer.json()["api_key"]}

    def get(self, headers: dict[str, str], path: str = "/sites", *, second: bool = False) -> httpx.Response:
        url = (self.two if second else self.one).url
        return self.plain.get(f"{url}/api{path}", headers=headers)

    def forget(self) -> None:
        """Begin all counts anew; the policies stay."""
        with Redis.from_url(self.one.redis_url) as redis:
            if keys := list(redis.scan_iter("writ:limit:*", count=1000)):
                redis.delete(*keys)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder: Path = tmp_path_factory.mktemp("limits")
    with running_product(folder, WRIT_RATE_LIMIT_FACTOR="1") as one:
        two = Product(one.home, one.database_url, one.redis_url, one.settings)
        try:
            two.start("server")
            servers = Servers(one, two)
            yield servers
            servers.admin.close()
            servers.plain.close()
        finally:
            two.stop()


@pytest.fixture
def servers(built: Servers) -> Iterator[Servers]:
    built.forget()
    yield built
    built.forget()
    for policy in built.admin.get(PATH, params={"limit": 100}).json()["data"]:
        assert built.admin.delete(f"{PATH}/{policy['id']}").status_code == 200


def parts(headers: httpx.Headers) -> dict[str, int]:
    found = re.findall(r'"([^"]+)";r=(\d+);t=\d+', headers["ratelimit"])
    assert found
    return {name: int(rest) for name, rest in found}


@pytest.mark.requirement("S1-58", "S1-59", "S4-152", "S4-153", "S4-154")
def test_every_answer_says_what_may_follow(servers: Servers) -> None:
    admin, url = servers.admin, servers.one.url
    answers = {
        200: admin.get("/sites"),
        401: servers.plain.get(f"{url}/api/sites"),
        404: servers.plain.get(f"{url}/api/no/such/path"),
        405: servers.plain.patch(f"{url}/api/sites"),
        406: admin.get("/sites", headers={"Accept": "image/png"}),
        413: servers.plain.post(f"{url}/api/login", content=b" " * (2 << 20)),
        415: admin.post("/sites", content=b"x", headers={"Content-Type": "text/plain"}),
        422: admin.get("/sites", params={"limit": "0"}),
        204: servers.plain.options(f"{url}/api/sites"),
    }
    site = admin.carry_out(admin.post("/sites", json={"name": "A", "slug": "a"}))["id"]
    answers[202] = admin.post("/sites", json={"name": "B", "slug": "b"})
    with admin.stream("GET", f"/jobs/{site}/events") as stream:
        stream.read()
        answers[2000] = stream
    for status, answer in answers.items():
        assert status in (answer.status_code, 2000)
        for name in HEADERS:
            assert len(answer.headers.get_list(name)) == 1, f"{status} {name}"
        assert int(answer.headers["x-ratelimit-remaining"]) < int(answer.headers["x-ratelimit-limit"])
        assert int(answer.headers["x-ratelimit-reset"]) >= time.time() - 1
    assert list(parts(answers[401].headers)) == ["address-1m", "address-1m-burst"]
    assert "user-1m" in parts(answers[200].headers)


@pytest.mark.requirement("S3-141", "S3-142", "S3-143", "S3-209")
@pytest.mark.parametrize(("tier", "amount"), [("standard", 1000), ("premium", 5000), ("enterprise", 50_000)])
def test_a_key_has_the_hour_of_its_tier(servers: Servers, tier: str, amount: int) -> None:
    key = servers.key(key_type=tier)
    first, second = servers.get(key), servers.get(key, second=True)
    assert int(first.headers["x-ratelimit-limit"]) == amount
    assert int(second.headers["x-ratelimit-remaining"]) == amount - 2, "both servers count together"
    assert int(second.headers["x-ratelimit-reset"]) % 3600 == 0
    elsewhere = servers.get(key, "/v1/api-keys")
    assert int(elsewhere.headers["x-ratelimit-remaining"]) == amount - 1, "a surface counts for itself"


@pytest.mark.requirement("S0-50", "S0-52", "S0-53", "S0-54", "S1-56", "S1-57", "S3-211")
def test_a_policy_is_in_force_on_the_next_request_of_every_server(servers: Servers) -> None:
    key = servers.key()
    for second in (False, True):
        assert servers.get(key, second=second).status_code == 200
    body = {"subject": "key", "surface": "hosting", "amount": 4, "window": "1h", "tier": "standard"}
    made = servers.admin.post(PATH, json=body)
    assert made.status_code == 201
    assert servers.get(key, second=True).headers["x-ratelimit-limit"] == "4"
    assert servers.get(key).headers["x-ratelimit-remaining"] == "0"
    for second in (False, True):
        refused = servers.get(key, second=second)
        assert refused.status_code == 429
        assert refused.json()["code"] == "rate_limited"
        details = refused.json()["error"]["details"]
        assert details["limit"] == "key-hosting-standard-1h"
        assert refused.headers["retry-after"] == str(details["retry_after_seconds"])
        assert parts(refused.headers)["key-hosting-standard-1h"] == 0
    where = f"{PATH}/{made.json()['id']}"
    assert servers.admin.put(where, json={**body, "amount": 9, "burst": 7}).json()["amount"] == 9
    assert servers.get(key, second=True).headers["x-ratelimit-remaining"] == "4"
    assert servers.get(key).status_code == 200
    assert servers.admin.delete(where).json() == {"success": True}
    assert servers.get(key, second=True).headers["x-ratelimit-limit"] == "1000"
    assert servers.admin.get(where).status_code == 404


@pytest.mark.requirement("S0-42", "S1-55")
def test_reads_and_writes_are_limited_apart(servers: Servers) -> None:
    body = {"subject": "user", "surface": "hosting", "rate_class": "write", "amount": 1, "window": 3600}
    assert servers.admin.post(PATH, json=body).status_code == 201
    codes = [servers.admin.post("/sites", json={"name": "", "slug": ""}).status_code for _ in range(2)]
    assert codes == [422, 429]
    assert servers.admin.get("/sites").status_code == 200


def test_guessing_ends_and_known_callers_do_not_notice(servers: Servers) -> None:
    key = servers.key()
    wrong = {"Authorization": "Bearer writ_live_" + "0" * 71}
    few = {"subject": "address", "amount": 5, "window": "1h"}
    assert servers.admin.post(PATH, json=few).status_code == 201
    assert [servers.get(wrong).status_code for _ in range(7)] == [401] * 5 + [429] * 2
    assert servers.get({}, "/no/such/path").status_code == 429
    assert (
        servers.plain.post(
            f"{servers.one.url}/api/login", json={"email": "x@example.com", "password": "x"}
        ).status_code
        == 429
    )
    assert servers.get(key).status_code == 200
    assert servers.admin.get("/sites").status_code == 200


@pytest.mark.requirement("S3-96")
def test_a_burst_ends_and_comes_back(servers: Servers) -> None:
    key = servers.key()
    answers = [servers.get(key) for _ in range(100)]
    assert {answer.status_code for answer in answers} == {200}, "an honest script may begin quickly"
    few = {
        "subject": "key",
        "surface": "hosting",
        "tier": "standard",
        "amount": 500,
        "window": "1h",
        "burst": 2,
    }
    assert servers.admin.post(PATH, json=few).status_code == 201
    key = servers.key()
    assert [servers.get(key).status_code for _ in range(2)] == [200, 200]
    refused = servers.get(key)
    assert refused.status_code == 429
    assert refused.json()["error"]["details"]["is_burst"]
    assert refused.headers["x-ratelimit-limit"] == "2"
    time.sleep(int(refused.headers["retry-after"]))
    assert servers.get(key).status_code == 200


@pytest.mark.requirement("S3-241")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"window": "25h"}, "/body/window"),
        ({"window": "soon"}, "/body/window"),
        ({"window": 0}, "/body/window"),
        ({"amount": 0}, "/body/amount"),
        ({"burst": 0}, "/body/burst"),
        ({"subject": "planet"}, "/body/subject"),
        ({"surface": "moon"}, "/body/surface"),
        ({"rate_class": "all"}, "/body/rate_class"),
        ({"tier": "gold"}, "/body/tier"),
        ({"scales_to": 3}, "/body/scales_to"),
        ({"color": 1}, "/body/color"),
    ],
)
def test_what_is_wrong_is_named(servers: Servers, change: dict[str, Any], field: str) -> None:
    body = {"subject": "key", "amount": 4, "window": "1h", **change}
    answer = servers.admin.post(PATH, json=body)
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_a_place_has_one_policy_a_window(servers: Servers) -> None:
    body = {"subject": "organization", "amount": 50_000, "window": "60s"}
    made = servers.admin.post(PATH, json=body).json()
    assert (made["window"], made["window_seconds"], made["surface"]) == ("1m", 60, "*")
    again = servers.admin.post(PATH, json={**body, "window": "1m"})
    assert again.status_code == 409
    assert again.json()["error"]["details"] == {"policy_id": made["id"]}
    assert servers.admin.put(f"{PATH}/{made['id']}", json={**body, "amount": 5}).status_code == 200
    assert servers.admin.post(PATH, json={**body, "window": "1h"}).status_code == 201
    assert len(servers.admin.get(PATH).json()["data"]) == 2


def test_the_defaults_are_shown(servers: Servers) -> None:
    data = servers.admin.get(f"{PATH}/defaults").json()["data"]
    for subject in ("key", "application"):
        of_platform = [each for each in data if (each["subject"], each["surface"]) == (subject, "platform")]
        assert [each["amount"] for each in of_platform] == [1000, 5000, 50_000]


def test_a_key_needs_the_scope(servers: Servers) -> None:
    key = servers.key(scopes=["limits.read"])
    assert servers.get(key, PATH).status_code == 200
    refused = servers.plain.post(
        f"{servers.one.url}/api{PATH}", headers=key, json={"subject": "key", "amount": 4, "window": "1h"}
    )
    assert refused.status_code == 403
    assert "x-ratelimit-limit" in refused.headers


def test_a_login_is_answered_with_limits(servers: Servers) -> None:
    with Client(servers.one) as client:
        assert client.get("/sites").headers["x-ratelimit-limit"] == "1200"
