"""What of a call's parameters is kept: nothing that is a secret, and not too much."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from writ.access.key_text import make_key
from writ.gateway.call import Spooled
from writ.records.entry import clean, first_id, time_of
from writ.records.redact import HIDDEN, names_secret, pointers_of, scrub, shown
from writ.store.base import new_id

KEY = make_key(UUID(int=7), "live")
SESSION = "ws_" + "A-b_9" * 8


@pytest.mark.parametrize(
    "secret",
    [
        KEY,
        KEY.replace("live", "test"),
        SESSION,
        "whsec_" + "QUJD+/" * 6,
        "writ_refresh_0123456789abcdef",
        "ghp_0123456789abcdef0123",
        "sk_live_0123456789abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "Bearer 0123456789abcdef",
        "basic dXNlcjpwYXNzd29yZA==",
    ],
    ids=str.__len__,
)
@pytest.mark.parametrize("around", ["{}", "/api/sites/{}/x", 'say "{}" here', "a={}&b=1", "({})"])
def test_what_looks_like_a_secret_is_hidden_wherever_it_stands(secret: str, around: str) -> None:
    text = around.format(secret)
    assert secret.split()[-1] not in scrub(text)
    # JSON stays JSON, and all but the secret stays.
    kept = json.loads(scrub(json.dumps({"before": 1, "text": text, "after": 2})))
    assert (kept["before"], kept["after"]) == (1, 2)
    assert secret.split()[-1] not in kept["text"]


def test_the_user_part_of_a_url_is_hidden() -> None:
    kept = scrub("git+https://user:hunter2@git.example.com/shop.git")
    assert kept == f"git+https://{HIDDEN}@git.example.com/shop.git"


@pytest.mark.parametrize(
    "text",
    [
        "/api/environments/01890000-0000-7000-8000-000000000011/deploy",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
        "req_01890000000070008000000000000001",
        "https://git.example.com/shop.git#main",
        "basically fine",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert scrub(text) == text
    assert clean(text, 200) == text


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "new_password",
        "PASSWD",
        "passphrase",
        "secret",
        "secret_key",
        "client_secret",
        "token",
        "access_token",
        "session_token",
        "authorization",
        "Authorisation",
        "cookie",
        "Set-Cookie",
        "credential",
        "signature",
        "private_key",
        "api_key",
        "apiKey",
        "api-key",
        "key",
        "otp",
        "pin",
    ],
)
def test_fields_of_these_names_are_hidden(name: str) -> None:
    assert shown({name: "x", "other": [{name: 7}]}) == {name: HIDDEN, "other": [{name: HIDDEN}]}


@pytest.mark.parametrize(
    "name",
    [
        "api_key_id",
        "key_name",
        "key_type",
        "keyboard",
        "monkey",
        "opinion",
        "name",
    ],
)
def test_fields_of_these_names_are_shown(name: str) -> None:
    assert not names_secret(name)


def test_a_flag_is_no_secret() -> None:
    assert shown({"require_signature": True, "secret": None}) == {"require_signature": True, "secret": None}


def test_what_the_contract_names_is_hidden() -> None:
    redact = [
        "/body/source_ref",
        "/body/targets/*/url",
        "/body/list/0",
        "/query/q",
        "/response/body",
        "Cookie",
    ]
    body = {
        "source_ref": "x",
        "targets": [{"url": "a", "name": "b"}],
        "list": ["first", "second"],
        "plain": {"source_ref": "another's"},
    }
    assert shown(body, pointers_of(redact, "body")) == {
        "source_ref": HIDDEN,
        "targets": [{"url": HIDDEN, "name": "b"}],
        "list": [HIDDEN, HIDDEN],
        "plain": {"source_ref": "another's"},
    }
    assert shown({"q": "x", "p": "y"}, pointers_of(redact, "query")) == {"q": HIDDEN, "p": "y"}
    assert shown({"a": 1}, pointers_of(["/body"], "body")) == HIDDEN


def test_files_are_their_size_and_checksum() -> None:
    spooled = Spooled(Path("/nowhere"), 5, "ab" * 32, "application/zip")
    assert shown(spooled) == {"size": 5, "sha256": "ab" * 32, "media_type": "application/zip"}
    assert shown({"file": b"abc"})["file"]["size"] == 3


def test_large_values_are_cut_at_little_cost() -> None:
    deep: Any = "x"
    for _ in range(100):
        deep = {"a": [deep] * 3}
    wide = {f"field{n}": "y" * 10_000 for n in range(10_000)}
    for value in (deep, wide, ["z" * 1000] * 100_000):
        assert len(json.dumps(shown(value))) < 40_000


def test_text_is_printable_and_cut_after_it_was_scrubbed() -> None:
    assert clean("a\0b\n\ud800c", 10) == "a\ufffdb\ufffd\ufffdc"
    kept = clean("x" * 190 + KEY, 200)
    assert len(kept) <= 200
    assert KEY[:8] not in kept


def test_ids_are_times() -> None:
    entry = new_id()
    assert first_id(time_of(entry)) <= entry
