"""OAuth 2 through real HTTP, by a client of the field (Authlib's), with two servers on one database."""

from __future__ import annotations

import base64
import json
import re
import secrets
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from tests.support.product import Client, Product, running_servers
from tests.support.redis import RedisServer
from writ.access.oauth.keys import rotate_key
from writ.store.secrets import Sealer
from writ.store.work import Store

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from authlib.integrations.httpx_client import OAuth2Client
    from authlib.oauth2.rfc7636 import create_s256_code_challenge
    from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

CALLBACK = "http://127.0.0.1:8765/callback"
ALL = ["authorization_code", "client_credentials", "refresh_token"]
SCOPES = ["hosting.read", "hosting.write", "users.read"]
VERIFIER = secrets.token_urlsafe(48)
CHALLENGE = create_s256_code_challenge(VERIFIER)
GOOD = "a long enough password"


@pytest.fixture
def products(tmp_path: Path, database_url: str, redis_server: RedisServer) -> Iterator[list[Product]]:
    """Two servers that share nothing but database, Redis and secret key."""
    shared = {"WRIT_SECRET_KEY": "k" * 40}
    with running_servers(tmp_path, database_url, redis_server.url, shared, shared) as servers:
        yield servers


@pytest.fixture
def owner(products: list[Product]) -> Iterator[Client]:
    with products[0].client() as client:
        yield client


def registered(owner: Client, *, approve: bool = True, **change: Any) -> dict[str, Any]:
    settings = {
        "application_name": "Planner <b>&",
        "contact_email": "dev@example.com",
        "scopes": SCOPES,
        "grant_types": ALL,
        "redirect_uris": [CALLBACK],
        **change,
    }
    answer = owner.post("/v1/applications", json=settings)
    assert answer.status_code == 201, answer.text
    application: dict[str, Any] = answer.json()
    if approve:
        assert owner.post(f"/v1/applications/{application['id']}/approve").status_code == 200
    return application


def session_of(product: Product, application: dict[str, Any], **options: Any) -> OAuth2Client:
    """Authlib's client."""
    method = "client_secret_basic" if application["client_secret"] else "none"
    return OAuth2Client(
        client_id=application["client_id"],
        client_secret=application["client_secret"],
        **{
            "token_endpoint_auth_method": method,
            "redirect_uri": CALLBACK,
            "code_challenge_method": "S256",
            **options,
        },
    )


def logged_in(product: Product, login: str) -> Client:
    client = Client(product, log_in=False)
    body = {"email": f"{login}@example.com", "password": GOOD}
    assert client.post("/login", json=body).status_code == 200
    return client


def person(owner: Client, product: Product, login: str, role: str) -> tuple[dict[str, Any], Client]:
    body = {"email": f"{login}@example.com", "role": role, "password": GOOD}
    return owner.post("/v1/users", json=body).json(), logged_in(product, login)


def consent(user: Client, query: dict[str, str], decision: str = "allow") -> dict[str, str]:
    """What a browser does on the page: the query of the redirect back."""
    page = user.get("/oauth/authorize", params=query)
    assert page.status_code == 200, page.text
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)">', page.text))
    fields = {name: unescape(value) for name, value in fields.items()}
    assert fields == query
    answer = user.post(
        "/oauth/authorize",
        data={**fields, "decision": decision},
        headers={"Origin": user.product.url},
    )
    assert answer.status_code == 303, answer.text
    return back(answer)


def back(answer: httpx.Response) -> dict[str, str]:
    assert answer.headers["location"].startswith(f"{CALLBACK}?"), answer.headers
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def asked(application: dict[str, Any], **change: str) -> dict[str, str]:
    query = {
        "response_type": "code",
        "client_id": application["client_id"],
        "redirect_uri": CALLBACK,
        "scope": "hosting.read users.read",
        "state": 'st"at<e>&é',
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **change,
    }
    return {name: value for name, value in query.items() if value}


def token_of(product: Product, application: dict[str, Any], code: str) -> dict[str, Any]:
    with session_of(product, application) as client:
        return dict(client.fetch_token(f"{product.url}/oauth/token", code=code, code_verifier=VERIFIER))


def posted(product: Product, path: str, application: dict[str, Any], **fields: str) -> httpx.Response:
    secret = application["client_secret"]
    named = {"client_id": application["client_id"], **({"client_secret": secret} if secret else {})}
    return httpx.post(f"{product.url}/oauth/{path}", data={**named, **fields})


def refused(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert isinstance(body["error"], str)
    assert body["request_id"] == answer.headers["x-request-id"]
    return answer.status_code, body["error"]


def seen(products: list[Product], token: dict[str, Any]) -> list[Any]:
    """By each server: 200, or the code of the refusal."""
    found = []
    for product in products:
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        answer = httpx.get(f"{product.url}/v1/users", headers=headers)
        found.append(200 if answer.status_code == 200 else answer.json()["code"])
    return found


@pytest.mark.requirement("S3-91", "S4-04", "S4-05", "S4-06")
def test_an_application_acts_for_itself(products: list[Product], owner: Client) -> None:
    application = registered(owner)
    url = products[0].url
    for method in ("client_secret_basic", "client_secret_post"):
        with session_of(products[0], application, token_endpoint_auth_method=method) as client:
            token = client.fetch_token(f"{url}/oauth/token", grant_type="client_credentials")
            assert token["scope"].split() == SCOPES
            assert (token["token_type"], token["expires_in"]) == ("Bearer", 3600)
            assert "refresh_token" not in token
            listed = client.get(f"{url}/api/sites")
            assert listed.status_code == 200
            # It is counted for the application, and not for whoever registered it.
            limits = listed.headers["ratelimit-policy"]
            assert '"application-hosting-standard-1h"' in limits
            assert '"user-' not in limits
            # A token has no secret: nothing demands a signature of it, and nothing could verify one.
            signed = client.get(
                f"{url}/api/sites", headers={"Signature": "a=:eA==:", "Signature-Input": "a=()"}
            )
            assert (signed.status_code, signed.json()["error"]["details"]["reason"]) == (401, "no_key")
            asked_who = client.get(f"{url}/v1/users/me")
            assert (asked_who.status_code, asked_who.json()["code"]) == (403, "forbidden")
    # The JWT is what RFC 9068 says, and anybody can verify it with what the metadata leads to.
    metadata = AuthorizationServerMetadata(httpx.get(f"{url}/.well-known/oauth-authorization-server").json())
    assert metadata["issuer"] == url
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    keys = KeySet.import_key_set(httpx.get(metadata["jwks_uri"]).json())
    read = jwt.decode(token["access_token"], keys, algorithms=["ES256"])
    assert read.header["typ"] == "at+jwt"
    assert read.claims["sub"] == read.claims["client_id"] == application["client_id"]
    assert (read.claims["iss"], read.claims["aud"]) == (url, f"{url}/api")
    assert "d" not in httpx.get(metadata["jwks_uri"]).json()["keys"][0]
    # Less than it was registered with; more is refused; and what it loses it loses at once.
    few = posted(
        products[0], "token", application, grant_type="client_credentials", scope="hosting.read"
    ).json()
    assert few["scope"] == "hosting.read"
    assert seen(products, few) == ["auth_scope_missing"] * 2
    more = posted(
        products[0], "token", application, grant_type="client_credentials", scope="hosting.read keys.read"
    )
    assert refused(more) == (400, "invalid_scope")
    assert seen(products, token) == [200, 200]
    settings = {
        key: application[key] for key in ("application_name", "contact_email", "grant_types", "redirect_uris")
    }
    path = f"/v1/applications/{application['id']}"
    assert owner.put(path, json={**settings, "scopes": ["hosting.read"]}).status_code == 200
    assert seen(products, token) == ["auth_scope_missing"] * 2
    owner.put(path, json={**settings, "scopes": SCOPES})
    assert seen(products, token) == [200, 200]
    # A suspended application's tokens are refused at once, everywhere, and it gets none.
    for _ in range(3):
        owner.post(f"{path}/suspend")
        assert seen(products[::-1], token) == ["token_revoked"] * 2
        again = posted(products[1], "token", application, grant_type="client_credentials")
        assert refused(again) == (401, "invalid_client")
        owner.post(f"{path}/approve")
        assert seen(products, token) == [200, 200]
    secret = owner.post(f"{path}/rotate-secret").json()["client_secret"]
    old = posted(products[1], "token", application, grant_type="client_credentials")
    assert refused(old) == (401, "invalid_client")
    renewed = {**application, "client_secret": secret}
    assert posted(products[1], "token", renewed, grant_type="client_credentials").status_code == 200
    owner.delete(path)
    assert seen(products, token) == ["token_revoked"] * 2


@pytest.mark.requirement("S3-90", "S3-91", "S4-07")
@pytest.mark.parametrize("confidential", [True, False])
def test_a_user_lets_an_application_act_for_them(
    products: list[Product], owner: Client, confidential: bool
) -> None:
    grants = ALL if confidential else ["authorization_code", "refresh_token"]
    application = registered(owner, is_confidential=confidential, grant_types=grants, api_tier="premium")
    user, browser = person(owner, products[1], "ann", "admin")
    url = products[0].url
    with session_of(products[0], application) as client:
        authorize, state = client.create_authorization_url(
            f"{products[1].url}/api/oauth/authorize", code_verifier=VERIFIER, scope="hosting.read users.read"
        )
        query = {name: values[0] for name, values in parse_qs(urlsplit(authorize).query).items()}
        answer = consent(browser, query)
        assert answer["state"] == state
        token = client.fetch_token(f"{url}/oauth/token", code=answer["code"], code_verifier=VERIFIER)
        assert token["scope"] == "hosting.read users.read"
        shown = client.get(f"{url}/v1/users/me")
        limits = shown.headers["ratelimit-policy"]
        assert '"application-platform-premium-1h"' in limits
        assert '"user-1m"' in limits
        me = shown.json()
        assert (me["email"], me["credential"]["kind"]) == ("ann@example.com", "token")
        assert me["credential"]["application_id"] == application["id"]
        assert me["credential"]["scopes"] == ["hosting.read", "users.read"]
        assert client.post(f"{url}/api/sites", json={}).json()["code"] == "auth_scope_missing"
        first = dict(token)
        newer = client.refresh_token(f"{products[1].url}/oauth/refresh", refresh_token=first["refresh_token"])
        assert newer["refresh_token"] != first["refresh_token"]
    assert seen(products, first) == seen(products, newer) == [200, 200]
    narrow = posted(
        products[0],
        "token",
        application,
        grant_type="refresh_token",
        refresh_token=newer["refresh_token"],
        scope="hosting.read",
    ).json()
    assert narrow["scope"] == "hosting.read"
    assert seen(products, narrow) == ["auth_scope_missing"] * 2
    wide = posted(products[0], "refresh", application, refresh_token=narrow["refresh_token"]).json()
    assert wide["scope"] == "hosting.read users.read"
    # What the user loses, the token loses, at the next request.
    settings = {"email": user["email"], "role": "viewer"}
    owner.put(f"/v1/users/{user['id']}", json=settings)
    assert seen(products, wide) == ["auth_scope_missing"] * 2
    owner.put(f"/v1/users/{user['id']}", json={**settings, "role": "admin"})
    assert seen(products, wide) == [200, 200]
    owner.delete(f"/v1/users/{user['id']}")
    assert seen(products, wide) == ["token_revoked"] * 2
    owner.put(f"/v1/users/{user['id']}", json={**settings, "role": "admin", "status": "active"})
    assert seen(products, wide) == ["token_revoked"] * 2
    late = posted(products[0], "refresh", application, refresh_token=wide["refresh_token"])
    assert refused(late) == (400, "invalid_grant")


def test_a_code_is_bound_and_good_once(products: list[Product], owner: Client) -> None:
    application, other = registered(owner), registered(owner)

    def code() -> str:
        return consent(owner, asked(application))["code"]

    good = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    product = products[1]
    for change, error in (
        ({"code_verifier": secrets.token_urlsafe(48)}, "invalid_grant"),
        ({"code_verifier": CHALLENGE}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"redirect_uri": f"{CALLBACK}/"}, "invalid_grant"),
        ({"redirect_uri": ""}, "invalid_grant"),
        ({"code": "writ_ac_" + "0" * 43}, "invalid_grant"),
    ):
        answer = posted(product, "token", application, **{"code": code(), **good, **change})
        assert refused(answer) == (400, error), change
    mine = code()
    assert refused(posted(product, "token", other, code=mine, **good)) == (400, "invalid_grant")
    token = posted(product, "token", application, code=mine, **good).json()
    assert seen(products, token) == [200, 200]
    # The second use revokes what the first gave.
    again = posted(products[0], "token", application, code=mine, **good)
    assert refused(again) == (400, "invalid_grant")
    assert seen(products, token) == ["token_revoked"] * 2
    # Of many uses at once one wins at most, and what it gave is revoked by the others.
    mine = code()
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda n: posted(products[n % 2], "token", application, code=mine, **good), range(4))
        )
    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) <= 1, [answer.text for answer in answers]
    assert {refused(answer) for answer in answers if answer.status_code != 200} == {(400, "invalid_grant")}
    assert [seen(products, answer.json()) for answer in won] == [["token_revoked"] * 2] * len(won)
    store = Store(products[0].database_url)
    mine = code()
    with store.begin() as session:
        session.connection().exec_driver_sql(
            "UPDATE oauth_codes SET expires_at = '2026-02-20 00:00:00+00'"
            if store.engine.dialect.name == "postgresql"
            else "UPDATE oauth_codes SET expires_at = '2026-02-20 00:00:00.000000'"
        )
    store.close()
    assert refused(posted(product, "token", application, code=mine, **good)) == (400, "invalid_grant")


def test_a_refresh_token_is_good_once(products: list[Product], owner: Client) -> None:
    application, other = registered(owner), registered(owner)
    for _ in range(3):
        token = token_of(products[0], application, consent(owner, asked(application))["code"])
        kept = token_of(products[0], application, consent(owner, asked(application))["code"])
        stolen = posted(products[0], "refresh", other, refresh_token=token["refresh_token"])
        assert refused(stolen) == (400, "invalid_grant")
        with ThreadPoolExecutor(2) as pool:
            answers = list(
                pool.map(
                    lambda p, t=token: posted(p, "refresh", application, refresh_token=t["refresh_token"]),
                    products,
                )
            )
        won = [answer.json() for answer in answers if answer.status_code == 200]
        lost = [refused(answer) for answer in answers if answer.status_code != 200]
        assert len(won) <= 1, [answer.text for answer in answers]
        assert set(lost) == {(400, "invalid_grant")}
        # The family is revoked: no token of it is good for anything, and no other family suffers.
        for one in (token, *won):
            assert seen(products, one) == ["token_revoked"] * 2
            answer = posted(products[0], "refresh", application, refresh_token=one["refresh_token"])
            assert refused(answer) == (400, "invalid_grant")
        assert seen(products, kept) == [200, 200]


def test_tokens_are_revoked_and_explained(products: list[Product], owner: Client) -> None:
    application, other = registered(owner), registered(owner)
    public = registered(owner, is_confidential=False, grant_types=["authorization_code", "refresh_token"])
    me = owner.get("/v1/users/me").json()
    for name in ("access_token", "refresh_token"):
        token = token_of(products[0], application, consent(owner, asked(application))["code"])
        state = posted(products[1], "introspect", application, token=token[name]).json()
        assert (state["active"], state["client_id"]) == (True, application["client_id"])
        assert (state["username"], state["sub"]) == (me["email"], me["id"])
        assert state["scope"] == "hosting.read users.read"
        for stranger in (other,):
            assert posted(products[1], "introspect", stranger, token=token[name]).json() == {"active": False}
            answer = posted(products[1], "revoke", stranger, token=token[name])
            assert refused(answer) == (400, "invalid_grant")
        assert refused(posted(products[1], "introspect", public, token=token[name])) == (
            401,
            "invalid_client",
        )
        assert seen(products, token) == [200, 200]
        assert posted(products[1], "revoke", application, token=token[name]).json() == {}
        assert seen(products, token) == ["token_revoked"] * 2
        for gone in ("access_token", "refresh_token"):
            answer = posted(products[0], "introspect", application, token=token[gone])
            assert answer.json() == {"active": False}
        assert posted(products[1], "revoke", application, token=token[name]).status_code == 200
    for unknown in ("x", "a.b.c", "writ_rt_x", "é"):
        assert posted(products[0], "introspect", application, token=unknown).json() == {"active": False}
        assert posted(products[0], "revoke", application, token=unknown).json() == {}
    desk = token_of(products[0], public, consent(owner, asked(public))["code"])
    assert posted(products[0], "revoke", public, token=desk["refresh_token"]).json() == {}
    assert seen(products, desk) == ["token_revoked"] * 2


def test_what_is_asked_wrongly_is_refused(products: list[Product], owner: Client) -> None:
    application, pending = registered(owner), registered(owner, approve=False)
    public = registered(owner, is_confidential=False, grant_types=["authorization_code"])
    url = products[0].url
    for wrong in (
        pending,
        {**application, "client_secret": "writ_cs_x"},
        {**application, "client_id": "app_x"},
    ):
        answer = posted(products[0], "token", wrong, grant_type="client_credentials")
        assert refused(answer) == (401, "invalid_client")
        assert "www-authenticate" not in answer.headers
    for basic in (b"app_x:y", b"app_x", b"\xff:\xfe", application["client_id"].encode() + b":wrong"):
        header = {"Authorization": "Basic " + base64.b64encode(basic).decode()}
        answer = httpx.post(f"{url}/oauth/token", data={"grant_type": "client_credentials"}, headers=header)
        assert refused(answer) == (401, "invalid_client"), basic
        assert answer.headers["www-authenticate"].startswith("Basic ")
    answer = posted(products[0], "token", public, grant_type="client_credentials")
    assert refused(answer) == (401, "invalid_client")
    assert refused(posted(products[0], "refresh", public, refresh_token="x")) == (400, "unauthorized_client")
    for grant in ("password", "implicit", "", 'x"\\é'):
        assert refused(posted(products[0], "token", application, grant_type=grant)) == (
            400,
            "unsupported_grant_type",
        )
    twice = httpx.post(
        f"{url}/oauth/token",
        content="grant_type=a&grant_type=b",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert refused(twice) == (422, "invalid_request")
    assert refused(httpx.post(f"{url}/oauth/token", json={"grant_type": "x"})) == (415, "invalid_request")
    assert refused(httpx.get(f"{url}/oauth/jwks?x=1")) == (422, "invalid_request")
    # At the page: an unknown application or another redirect URI is told to the user, and to nobody else.
    for change, expected in (
        ({"client_id": "app_x"}, (401, "invalid_client")),
        ({"client_id": pending["client_id"]}, (401, "invalid_client")),
        ({"redirect_uri": f"{CALLBACK}/more"}, (400, "invalid_request")),
        ({"redirect_uri": CALLBACK.upper()}, (400, "invalid_request")),
        ({"redirect_uri": f"{CALLBACK}?x=1"}, (400, "invalid_request")),
        ({"redirect_uri": 'https://example.com/"é'}, (400, "invalid_request")),
        (
            {"response_type": "token", "redirect_uri": "https://example.com/"},
            (400, "unsupported_response_type"),
        ),
        (
            {"response_type": "Ä\x1f", "redirect_uri": "https://example.com/"},
            (400, "unsupported_response_type"),
        ),
    ):
        assert refused(owner.get("/oauth/authorize", params=asked(application, **change))) == expected, change
        body = {**asked(application, **change), "decision": "allow"}
        assert refused(owner.post("/oauth/authorize", data=body)) == expected, change
    # What else is wrong the application is told. PKCE cannot be left out or made plain.
    for change, error in (
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": 'Ä\x1f"'}, "unsupported_response_type"),
        ({"scope": "keys.write"}, "invalid_scope"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
    ):
        query = asked(application, **change)
        for answer in (
            owner.get("/oauth/authorize", params=query),
            owner.post("/oauth/authorize", data={**query, "decision": "allow"}),
        ):
            assert answer.status_code == 303, answer.text
            assert (back(answer)["error"], back(answer)["state"]) == (error, query["state"]), change
    denied = consent(owner, asked(application), "deny")
    assert (denied["error"], denied["state"]) == ("access_denied", asked(application)["state"])
    # Only a person who is logged in can consent, and only on our own page.
    assert refused(httpx.get(f"{url}/oauth/authorize", params=asked(application)))[0] == 401
    key = owner.post("/v1/api-keys", json={"key_name": "K", "preset": "full"}).json()["api_key"]
    body = {**asked(application), "decision": "allow"}
    assert refused(httpx.post(f"{url}/oauth/authorize", data=body, headers={"X-API-Key": key}))[0] == 403
    foreign = owner.post("/oauth/authorize", data=body, headers={"Origin": "https://foreign.example.com"})
    assert refused(foreign) == (403, "access_denied")
    assert foreign.json()["code"] == "origin_not_allowed"


def test_bad_tokens_and_new_keys(products: list[Product], owner: Client, database_url: str) -> None:
    application = registered(owner)
    token = posted(products[0], "token", application, grant_type="client_credentials").json()
    head, body, signature = token["access_token"].split(".")
    own = ECKey.generate_key("P-256", private=True)
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    header = json.loads(base64.urlsafe_b64decode(head + "=="))

    def plain(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    bad = {
        "another signature": f"{head}.{body}.{signature[:-6]}AAAAAA",
        "other claims": f"{head}.{plain({**claims, 'scope': 'keys.write'})}.{signature}",
        "no signature": f"{plain({**header, 'alg': 'none'})}.{body}.",
        "an HMAC": f"{plain({**header, 'alg': 'HS256'})}.{body}.{signature}",
        "another key": jwt.encode(header, claims, own),
        "an unknown kid": jwt.encode({**header, "kid": "x"}, claims, own),
        "no kid": jwt.encode({"alg": "ES256", "typ": "at+jwt"}, claims, own),
        "dots": "..",
        "long": f"{head}.{'A' * 9000}.{signature}",
    }
    for name, text in bad.items():
        assert seen(products, {"access_token": text}) == ["token_invalid"] * 2, name
    header_of_bytes = {"Authorization": "Bearer écrit.é.é".encode()}
    assert httpx.get(f"{products[0].url}/v1/users", headers=header_of_bytes).json()["code"] == "token_invalid"
    # A new key signs at once in every process; what the old one signed stays good.
    store = Store(database_url)
    kid = rotate_key(store, Sealer(b"k" * 40))
    newer = posted(products[1], "token", application, grant_type="client_credentials").json()
    read = json.loads(base64.urlsafe_b64decode(newer["access_token"].split(".")[0] + "=="))
    assert (read["kid"], kid != header["kid"]) == (kid, True)
    assert seen(products, newer) == seen(products, token) == [200, 200]
    shown = httpx.get(f"{products[0].url}/oauth/jwks").json()["keys"]
    assert [key["kid"] for key in shown] == [kid, header["kid"]]
    # Nothing that opens a door lies in the database.
    with store.read() as connection:
        rows = []
        for table in ("oauth_keys", "oauth_refresh_tokens", "oauth_codes", "developer_applications"):
            rows += [str(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table}").all()]
    store.close()
    assert not [row for row in rows if '"d"' in row or application["client_secret"] in row]
