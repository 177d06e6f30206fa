"""Signed requests: tampering is found before anything is done, and nothing is carried out twice."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

import pytest
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver
from http_message_signatures.algorithms import HMAC_SHA256
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from tests.gateway.contract import contract
from tests.gateway.harness import Door, FakeAuthenticator, Got, make, make_services
from tests.support.redis import RedisServer, free_port
from tests.support.signing import content_digest, sign
from writ.gateway.call import Actor, Call, Spooled
from writ.gateway.digest import has_digest
from writ.gateway.services import Signing

HOST = "http://writ.example.com"
KEY_ID = str(UUID(int=7))
SECRET, PREVIOUS = "the secret of today", "the secret of yesterday"
FREE, BOUND, BARE = "key-free", "key-bound", "key-without-secret"
NOTE = b'{"name": "ada"}'
JSON = {"content-type": "application/json"}

# RFC 9421, B.1.5 and B.2.5, and the digest of B.2's request.
RFC_SECRET = base64.b64decode(
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
)
RFC_SIGNATURE = "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="
RFC_BODY = b'{"hello": "world"}'
RFC_DIGEST = (
    "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
)


class Keys(FakeAuthenticator):
    """One key that may sign, one that must, and one that cannot."""

    def authenticate(self, call: Call) -> Actor | None:
        key = call.headers.get("x-api-key") or call.headers.get("authorization", "").removeprefix("Bearer ")
        if key not in (FREE, BOUND, BARE):
            return super().authenticate(call)
        scopes = frozenset({"other.read"})
        key_id = UUID(int=8 if key == BARE else 7)
        return Actor(
            UUID(int=1), "key", "ada@example.com", "owner", scopes, key_id=key_id, must_sign=key == BOUND
        )

    def signing(self, call: Call, actor: Actor) -> Signing | None:
        if actor.key_id is None:
            return None
        secrets = () if actor.key_id.int == 8 else (SECRET.encode(), PREVIOUS.encode())
        return Signing(str(actor.key_id), frozenset({str(actor.key_id), "writ_live_7"}), secrets)


Make = Callable[..., Door]


@pytest.fixture
def make_signed_door(tmp_path: Path, redis_server: RedisServer) -> Iterator[Make]:
    """Front doors whose operations all need a credential."""
    doors: list[Door] = []

    def build(redis_url: str = redis_server.url, **settings: Any) -> Door:
        services = make_services(tmp_path, **settings)
        services.authenticator = Keys()
        services.redis = Redis.from_url(redis_url, socket_connect_timeout=1)
        document = contract(security=[{"session": []}])
        doors.append(Door(make(tmp_path, document, services)))
        return doors[-1]

    yield build
    for opened in doors:
        opened.close()


@pytest.fixture
def signed_door(make_signed_door: Make) -> Door:
    return make_signed_door()


def signed(method: str, target: str, body: bytes = b"", **options: Any) -> dict[str, str]:
    options = {"key_id": KEY_ID, "api_key": BOUND, "api_secret": SECRET, **options}
    return sign(method, HOST + target, body=body, **options)


def reason_of(got: Got) -> str:
    """Which fault the refusal names; the refusal is the same in every other way."""
    assert (got.status, got.json["code"]) == (401, "SIGNATURE_INVALID"), got.body
    assert got.json["error"]["code"] == "SIGNATURE_INVALID"
    assert SECRET not in got.body.decode()
    return str(got.json["error"]["details"]["reason"])


def test_the_vector_of_the_rfc() -> None:
    """RFC 9421, B.2.5: by the library, and by the signer of these tests."""
    headers = {"Date": "Tue, 20 Apr 2021 02:07:55 GMT", "Content-Type": "application/json"}
    request = types.SimpleNamespace(
        method="POST", url="http://example.com/foo?param=Value&Pet=dog", headers=headers
    )
    keys = MappingKeyResolver(public_keys={}, private_keys={"test-shared-secret": RFC_SECRET})
    signer = HTTPMessageSigner(signature_algorithm=HMAC_SHA256, key_resolver=keys)
    names = ("date", "@authority", "content-type")
    prepared = signer.prepare(
        request,
        key_id="test-shared-secret",
        created=_moment(1618884473),
        include_alg=False,
        covered_component_ids=names,
    )
    assert base64.b64encode(HMAC_SHA256(RFC_SECRET).sign(prepared.signature_base)).decode() == RFC_SIGNATURE
    covered = {
        "date": headers["Date"],
        "@authority": "example.com",
        "content-type": headers["Content-Type"],
    }
    secret = cast(str, types.SimpleNamespace(encode=lambda: RFC_SECRET))
    made = sign(
        "POST",
        request.url,
        "test-shared-secret",
        "",
        secret,
        covered=covered,
        created=1618884473,
        alg=None,
        nonce=None,
        label="sig-b25",
    )
    assert made["signature"] == f"sig-b25=:{RFC_SIGNATURE}:"
    assert has_digest(RFC_BODY, RFC_DIGEST)


def _moment(seconds: int) -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.requirement("S0-40")
@pytest.mark.parametrize("api_key", [FREE, BOUND])
def test_a_signed_request_is_carried_out(signed_door: Door, api_key: str) -> None:
    target = "/api/items?text=a%20b&limit=3"
    got = signed_door("GET", target, headers=signed("GET", target, api_key=api_key))
    assert got.status == 200, got.body
    assert got.json["query"] == {"limit": 3, "text": "a b"}
    headers = signed("POST", "/api/notes", NOTE, api_key=api_key, headers=JSON)
    got = signed_door("POST", "/api/notes", body=NOTE, headers=headers)
    assert (got.status, got.json["body"]) == (200, {"name": "ada"}), got.body
    assert signed_door("HEAD", target, headers=signed("HEAD", target, api_key=api_key)).status == 200


def test_forms_of_a_good_signature(signed_door: Door) -> None:
    method, target = "GET", "/api/items?limit=3"
    path_and_query = {"@method": method, "@path": "/api/items", "@query": "?limit=3", "x-api-key": BOUND}
    bearer = {"@method": method, "@target-uri": HOST + target, "authorization": f"Bearer {BOUND}"}
    more = {"@method": method, "@target-uri": HOST + target, "x-api-key": BOUND, "@authority": HOST[7:]}
    forms = [
        signed(method, target, covered=path_and_query),
        signed(method, target, covered=more),
        signed(method, target, keyid="writ_live_7"),
        signed(method, target, alg=None),
        signed(method, target, label="another"),
        signed(method, target, api_secret=PREVIOUS),
        signed(method, target, expires=int(time.time()) + 5),
        signed(method, target, created=int(time.time()) - 290),
        signed(method, target, created=int(time.time()) + 290),
        signed(method, target, tag="deploys"),
        {
            **{k: v for k, v in signed(method, target, covered=bearer).items() if k != "x-api-key"},
            "authorization": f"Bearer {BOUND}",
        },
    ]
    for headers in forms:
        got = signed_door(method, target, headers=headers)
        assert got.status == 200, (headers, got.body)
    target = "/api/items"
    nothing = {"@method": method, "@path": target, "@query": "?", "x-api-key": BOUND}
    assert signed_door(method, target, headers=signed(method, target, covered=nothing)).status == 200
    both = f"{content_digest(NOTE)}, {content_digest(NOTE, 'sha-512')}, md5=:AAAA:"
    for digest in (content_digest(NOTE, "sha-512"), both):
        headers = signed("POST", "/api/notes", NOTE, headers={**JSON, "content-digest": digest})
        got = signed_door("POST", "/api/notes", body=NOTE, headers=headers)
        assert got.status == 200, got.body


@pytest.mark.requirement("S0-41")
def test_what_was_tampered_with_is_found(signed_door: Door) -> None:
    good = signed("POST", "/api/notes", NOTE, headers=JSON)

    def send(method: str = "POST", target: str = "/api/notes", body: bytes = NOTE, **headers: str) -> str:
        changed = {**good, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return reason_of(signed_door(method, target, body=body, headers=changed))

    other = b'{"name": "eve"}'
    assert send(target="/api/notes?limit=2") == "mismatch"
    assert send(target="/api/loose") == "mismatch"
    assert send(body=other) == "digest_mismatch"
    assert send(body=b"") == "digest_mismatch"
    assert send(body=other, content_digest=content_digest(other)) == "mismatch"
    assert send(content_type="application/json;charset=utf-8") == "mismatch"
    assert send(x_api_key=FREE) == "mismatch"
    # Every value of the signature itself.
    given = good["signature-input"]
    assert send(signature_input=given.replace('"@method" ', "")) == "mismatch"
    created = given.partition("created=")[2].partition(";")[0]
    assert send(signature_input=given.replace(created, str(int(created) + 1))) == "mismatch"
    assert send(signature_input=given.replace('nonce="', 'nonce="x')) == "mismatch"
    assert send(signature_input=given + f";expires={int(created) + 100}") == "mismatch"
    assert send(signature=f"sig1=:{base64.b64encode(bytes(32)).decode()}:") == "mismatch"
    assert send(signature="sig1=:AAAA:") == "mismatch"
    get = signed("DELETE", "/api/items/00000000-0000-0000-0000-000000000001")
    got = signed_door("GET", "/api/items/00000000-0000-0000-0000-000000000001", headers=get)
    assert reason_of(got) == "mismatch"
    # The nonce of what was refused is not used up: the request itself is still good.
    assert signed_door("POST", "/api/notes", body=NOTE, headers=good).status == 200
    few = signed("GET", "/api/items?limit=1&flag=true")
    for target in ("/api/items?limit=2&flag=true", "/api/items?flag=true&limit=1", "/api/items"):
        assert reason_of(signed_door("GET", target, headers=few)) == "mismatch"
    for base in ("http://evil.example.com", "https://writ.example.com", HOST + ":81"):
        moved = sign("GET", base + "/api/items", KEY_ID, BOUND, SECRET)
        assert reason_of(signed_door("GET", "/api/items", headers=moved)) == "mismatch"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"created": int(time.time()) - 100_000}, "too_old"),
        ({"created": int(time.time()) + 100_000}, "too_new"),
        ({"created": None}, "created_missing"),
        ({"expires": 1618884473}, "expired"),
        ({"nonce": None}, "nonce_missing"),
        ({"nonce": ""}, "nonce_missing"),
        ({"nonce": "n" * 257}, "nonce_missing"),
        ({"keyid": str(UUID(int=8))}, "other_key"),
        ({"keyid": None}, "malformed"),
        ({"alg": "ed25519"}, "malformed"),
        ({"alg": "hmac-sha512"}, "malformed"),
        ({"api_secret": "another"}, "mismatch"),
        ({"api_key": BARE, "keyid": str(UUID(int=8))}, "no_secret"),
    ],
)
def test_parameters_that_are_not_good(signed_door: Door, options: dict[str, Any], reason: str) -> None:
    got = signed_door("GET", "/api/items", headers=signed("GET", "/api/items", **options))
    assert reason_of(got) == reason


def test_components_that_are_missing(signed_door: Door) -> None:
    whole = {
        "@method": "POST",
        "@target-uri": f"{HOST}/api/notes",
        "x-api-key": BOUND,
        "content-digest": content_digest(NOTE),
    }
    for name in whole:
        fewer = {key: value for key, value in whole.items() if key != name}
        headers = signed("POST", "/api/notes", NOTE, headers=JSON, covered=fewer)
        got = signed_door("POST", "/api/notes", body=NOTE, headers=headers)
        assert reason_of(got) == "component_missing"
        assert got.json["error"]["details"]["missing"] == [name]
    half = {"@method": "GET", "@path": "/api/items", "x-api-key": BOUND}
    got = signed_door("GET", "/api/items", headers=signed("GET", "/api/items", covered=half))
    assert got.json["error"]["details"]["missing"] == ["@target-uri"]
    # What is covered and not there.
    absent = {**half, "@query": "?", "x-absent": "1"}
    got = signed_door("GET", "/api/items", headers=signed("GET", "/api/items", covered=absent))
    assert reason_of(got) == "malformed"
    assert "x-absent" in got.json["message"]


def test_without_a_signature(signed_door: Door) -> None:
    got = signed_door("GET", "/api/items", headers={"x-api-key": BOUND})
    assert (got.status, got.json["code"]) == (401, "SIGNATURE_REQUIRED")
    assert signed_door("GET", "/api/items", headers={"x-api-key": FREE}).status == 200
    for half in ("signature", "signature-input"):
        headers = signed("GET", "/api/items", api_key=FREE)
        del headers[half]
        assert reason_of(signed_door("GET", "/api/items", headers=headers)) == "malformed"
    # A cookie has no secret, so a signature beside it cannot be good.
    with_cookie = {**signed("GET", "/api/items"), "cookie": "session_token=fake-token"}
    del with_cookie["x-api-key"]
    assert reason_of(signed_door("GET", "/api/items", headers=with_cookie)) == "no_key"


@pytest.mark.requirement("S0-41")
def test_a_signature_is_good_once_in_every_process(make_signed_door: Make) -> None:
    one, other = make_signed_door(), make_signed_door()
    headers = signed("POST", "/api/notes", NOTE, headers=JSON)
    assert one("POST", "/api/notes", body=NOTE, headers=headers).status == 200
    for door in (one, other):
        got = door("POST", "/api/notes", body=NOTE, headers=headers)
        assert (got.status, got.json["code"]) == (401, "SIGNATURE_REPLAYED")
    # The same nonce in another signature is a replay as well.
    again = signed("GET", "/api/items", nonce="once")
    assert one("GET", "/api/items", headers=again).status == 200
    got = other("GET", "/api/items", headers=signed("GET", "/api/items", nonce="once", tag="other"))
    assert got.json["code"] == "SIGNATURE_REPLAYED"


def test_a_nonce_is_kept_as_long_as_its_signature_is_good(
    make_signed_door: Make, redis_server: RedisServer
) -> None:
    door = make_signed_door(signature_window_seconds=100)
    door("GET", "/api/items", headers=signed("GET", "/api/items", created=int(time.time()) + 99))
    with Redis.from_url(redis_server.url) as redis:
        (name,) = redis.keys("writ:nonce:*")
        assert 199 <= redis.ttl(name) <= 260
    late = signed("GET", "/api/items", created=int(time.time()) - 102)
    assert reason_of(door("GET", "/api/items", headers=late)) == "too_old"


def test_without_redis_what_must_be_signed_waits(make_signed_door: Make) -> None:
    door = make_signed_door(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    got = door("GET", "/api/items", headers=signed("GET", "/api/items"))
    assert (got.status, got.json["code"], got.header("retry-after")) == (503, "SERVICE_UNAVAILABLE", "2")
    assert door("GET", "/api/items", headers=signed("GET", "/api/items", api_key=FREE)).status == 200
    tampered = signed("GET", "/api/items?limit=2", api_key=FREE)
    assert reason_of(door("GET", "/api/items", headers=tampered)) == "mismatch"


@pytest.mark.parametrize("digest", [content_digest, lambda b: content_digest(b, "sha-512")])
def test_a_streamed_body_is_compared(signed_door: Door, digest: Callable[[bytes], str]) -> None:
    archive = b"PK" + bytes(3_000_000)
    zip_type = {"content-type": "application/zip", "content-digest": digest(archive)}
    parts = [archive[at : at + 500_000] for at in range(0, len(archive), 500_000)]

    def send(body: Any, **options: Any) -> Got:
        return signed_door(
            "POST", "/api/files", body=body, headers=signed("POST", "/api/files", archive, **options)
        )

    got = send(parts, headers=zip_type)
    assert got.status == 200, got.body
    assert got.json["body"]["sha256"] == hashlib.sha256(archive).hexdigest()
    assert reason_of(send([*parts, b"x"], headers=zip_type)) == "digest_mismatch"
    assert reason_of(send(parts[:-1], headers=zip_type)) == "digest_mismatch"
    assert reason_of(send(b"", headers=zip_type)) == "digest_mismatch"
    whole = {"@method": "POST", "@target-uri": f"{HOST}/api/files", "x-api-key": BOUND}
    got = send(parts, headers={"content-type": "application/zip"}, covered=whole)
    assert reason_of(got) == "component_missing"
    assert got.parts_read == 0, "nobody's archive was written to the disk"


def test_a_letter_is_compared(signed_door: Door) -> None:
    form = {"content-type": "multipart/form-data; boundary=b"}
    letter = (
        b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nDear\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nx\r\n--b--\r\n'
    )
    headers = signed("POST", "/api/letters", letter, headers=form)
    assert (
        reason_of(signed_door("POST", "/api/letters", body=letter.replace(b"Dear", b"Hate"), headers=headers))
        == "digest_mismatch"
    )
    got = signed_door("POST", "/api/letters", body=letter, headers=headers)
    assert got.status == 200, got.body


@pytest.mark.parametrize("public", ["https://writ.example.net", "https://writ.example.net/"])
def test_behind_a_proxy(make_signed_door: Make, public: str) -> None:
    door = make_signed_door(public_url=public)
    target = "/api/items?limit=2"
    for base in ("https://writ.example.net", "https://writ.example.com", "http://writ.example.com"):
        headers = sign("GET", base + target, KEY_ID, BOUND, SECRET)
        got = door("GET", target, headers=headers)
        assert got.status == 200, (base, got.body)
    elsewhere = sign("GET", "https://writ.example.org" + target, KEY_ID, BOUND, SECRET)
    assert reason_of(door("GET", target, headers=elsewhere)) == "mismatch"


def test_an_address_is_signed_as_it_is_sent(signed_door: Door) -> None:
    target = f"/api/items?text={quote('äö')}&tags=a&tags=%62"
    got = signed_door("GET", target, headers=signed("GET", target))
    assert got.status == 200, got.body
    headers = signed("GET", target)
    # The same query to the handler, but not to the letter.
    got = signed_door("GET", target.replace("%62", "b"), headers=headers)
    assert reason_of(got) == "mismatch"


MAC = "sig1=:AAAA:"
GARBAGE = [
    {"signature-input": "", "signature": ""},
    {"signature-input": "sig1", "signature": "sig1"},
    {"signature-input": "sig1=()", "signature": "sig1=1"},
    {"signature-input": "sig1=1", "signature": MAC},
    {"signature-input": "sig1=();created=1;created=2", "signature": MAC},
    {"signature-input": "sig1=(1 2)", "signature": MAC},
    {
        "signature-input": 'sig1=("@method" "@method");created=NOW;keyid="K";nonce="n"',
        "signature": "sig1=:AAAA:",
    },
    {"signature-input": 'sig1=("@status");created=NOW;keyid="K";nonce="n"', "signature": MAC},
    {"signature-input": 'sig1=("@nothing");created=NOW;keyid="K";nonce="n"', "signature": MAC},
    {"signature-input": 'sig1=("@method";req);created=NOW;keyid="K";nonce="n"', "signature": MAC},
    {"signature-input": 'sig1=("@query-param");created=NOW;keyid="K";nonce="n"', "signature": MAC},
    {"signature-input": 'sig1=("x-api-key";tr);created=NOW;keyid="K";nonce="n"', "signature": MAC},
    {"signature-input": 'sig1=("X-API-KEY");created=NOW;keyid="K";nonce="n"', "signature": MAC},
    {"signature-input": 'sig1=();created="NOW";keyid="K"', "signature": MAC},
    {"signature-input": "sig1=();created=999999999999999;keyid=1", "signature": MAC},
    {"signature-input": "sig1=();created=99999999999999999999", "signature": MAC},
    {"signature-input": "sig1=()", "signature": "sig2=:AAAA:"},
    {"signature-input": "sig1=(), sig1=()", "signature": "sig1=:AAAA:, sig1=:AAAA:"},
    {"signature-input": "sig1=(), sig2=()", "signature": "sig1=:AAAA:, sig2=:AAAA:"},
    {"signature-input": "\xff\xfe", "signature": "\xff"},
    {"signature-input": "sig1=" + "(" * 2000, "signature": MAC},
    {"signature-input": 'sig1=();nonce="' + "n" * 5000, "signature": "sig1=:" + "A" * 5000 + ":"},
]


@pytest.mark.parametrize("at", range(len(GARBAGE)))
def test_garbage_is_no_signature(signed_door: Door, at: int) -> None:
    moment = str(int(time.time()))
    headers = {
        name: value.replace("NOW", moment).replace('"K"', f'"{KEY_ID}"')
        for name, value in GARBAGE[at].items()
    }
    got = signed_door("GET", "/api/items", headers={"x-api-key": FREE, **headers})
    assert reason_of(got) in ("malformed", "created_missing", "too_new", "too_old", "nonce_missing")


def test_duplicated_labels(signed_door: Door) -> None:
    headers = signed("GET", "/api/items")
    twice = {
        **headers,
        "signature-input": f"{headers['signature-input']}, {headers['signature-input']}",
        "signature": f"{headers['signature']}, {headers['signature']}",
    }
    assert reason_of(signed_door("GET", "/api/items", headers=twice)) == "malformed"
    other = signed("GET", "/api/items", label="sig2")
    lines = [*headers.items(), *((n, v) for n, v in other.items() if n.startswith("signature"))]
    assert reason_of(signed_door("GET", "/api/items", headers=lines)) == "malformed"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.characters(max_codepoint=255, blacklist_categories=["Cc"]), max_size=60),
    st.text(st.characters(max_codepoint=255, blacklist_categories=["Cc"]), max_size=60),
)
def test_no_header_is_a_500(signed_door: Door, signature_input: str, signature: str) -> None:
    headers = {"x-api-key": FREE, "signature-input": signature_input, "signature": signature}
    assert reason_of(signed_door("GET", "/api/items", headers=headers))


@pytest.mark.parametrize(
    "field",
    [
        "",
        "sha-256",
        "sha-256=AAAA",
        "sha-256=:A:",
        "md5=:AAAA:",
        f"{content_digest(NOTE)}, {content_digest(NOTE)}",
        f"{content_digest(NOTE)},",
        "SHA-256=:AAAA:",
    ],
)
def test_a_digest_that_cannot_be_compared(signed_door: Door, field: str) -> None:
    with pytest.raises(ValueError):
        has_digest(NOTE, field)
    headers = signed("POST", "/api/notes", NOTE, headers={**JSON, "content-digest": field})
    assert reason_of(signed_door("POST", "/api/notes", body=NOTE, headers=headers)) == "digest_malformed"


def test_a_digest_is_of_the_whole_body(tmp_path: Path) -> None:
    path = tmp_path / "body"
    path.write_bytes(NOTE)
    spooled = Spooled(path, len(NOTE), hashlib.sha256(NOTE).hexdigest(), "application/zip")
    for body in (NOTE, spooled):
        for name in ("sha-256", "sha-512"):
            assert has_digest(body, content_digest(NOTE, name))
            assert not has_digest(body, content_digest(NOTE + b" ", name))
            assert not has_digest(body, f"{name}=:AAAA:")
        assert not has_digest(body, f"{content_digest(NOTE)}, {content_digest(b'', 'sha-512')}")


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch, signed_door: Door) -> None:
    """The library's HMAC ends in cryptography's comparison, which does not stop at the first difference."""
    import inspect

    assert "hasher.verify(signature)" in inspect.getsource(HMAC_SHA256.verify)
    compared: list[bytes] = []
    compare = hmac.compare_digest
    monkeypatch.setattr(
        "writ.gateway.digest.hmac.compare_digest", lambda a, b: compared.append(a) or compare(a, b)
    )
    headers = signed("POST", "/api/notes", NOTE, headers=JSON)
    assert signed_door("POST", "/api/notes", body=NOTE, headers=headers).status == 200
    assert compared == [hashlib.sha256(NOTE).digest()]
