from __future__ import annotations

from http.cookies import SimpleCookie
from types import SimpleNamespace
from typing import Any

import pytest

from tests.access.conftest import EMAIL, PASSWORD
from writ.access import handlers
from writ.access.authenticator import CredentialAuthenticator
from writ.access.models import User
from writ.contract.errors import Refusal
from writ.gateway.call import Call
from writ.gateway.trace import Trace
from writ.settings import Settings
from writ.store.work import Store

TOKEN_OF_NOBODY = "ws_" + "A" * 43


def call_of(
    store: Store, settings: Settings, method: str = "POST", scheme: str = "http", **headers: str
) -> Call:
    services: Any = SimpleNamespace(store=store, settings=settings)
    operation: Any = None
    scope = {"method": method, "path": "/api", "scheme": scheme, "client": ("192.0.2.1", 4711)}
    call = Call(services, operation, scope, Trace(scope))
    call.headers = {"host": "panel.example.com", **headers}
    return call


def logged_in(store: Store, settings: Settings, scheme: str = "http") -> Any:
    call = call_of(store, settings, scheme=scheme)
    call.body = {"email": EMAIL, "password": PASSWORD}
    answer = handlers.login(call)
    call.commit()
    call.close()
    assert (answer.status, answer.body) == (200, {"success": True})
    assert call.actor is not None, "the audit log would not tell who logged in"
    assert call.actor.email == EMAIL
    (cookie,) = answer.cookies
    return SimpleCookie(cookie)["session_token"]


@pytest.mark.requirement("S2-20", "S2-21", "S2-29", "S2-30", "S2-31", "S2-32", "S2-33")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_login_sets_the_cookie(store: Store, settings: Settings, ada: User, scheme: str) -> None:
    cookie = logged_in(store, settings, scheme)
    assert cookie["path"] == "/"
    assert cookie["httponly"] is True
    assert cookie["samesite"] == "Lax"
    assert cookie["max-age"] == "36000"
    assert cookie["domain"] == ""
    assert bool(cookie["secure"]) is (scheme == "https")


def test_behind_an_https_address_the_cookie_is_secure(store: Store, settings: Settings, ada: User) -> None:
    public = Settings(**{**settings.model_dump(), "public_url": "https://writ.example.com"})
    assert logged_in(store, public)["secure"]


@pytest.mark.requirement("S2-22", "S2-23", "S2-34", "S2-35", "S2-36")
def test_logout_ends_the_session_and_clears_the_cookie(store: Store, settings: Settings, ada: User) -> None:
    header = f"theme=dark; session_token={logged_in(store, settings).value}"
    call = call_of(store, settings, cookie=header)
    call.actor = CredentialAuthenticator().authenticate(call)
    assert call.actor is not None
    answer = handlers.logout(call)
    call.commit()
    call.close()
    assert (answer.status, answer.body) == (200, {"success": True})
    assert call.actor is not None, "the audit log would not tell who logged in"
    assert call.actor.email == EMAIL
    cleared = SimpleCookie(answer.cookies[0])["session_token"]
    assert (cleared.value, cleared["max-age"], cleared["path"]) == ("", "0", "/")

    again = call_of(store, settings, cookie=header)
    with pytest.raises(Refusal) as refusal:
        CredentialAuthenticator().authenticate(again)
    assert refusal.value.code == "UNAUTHORIZED"
    again.close()


def test_no_cookie_is_nobody_and_a_bad_one_is_refused(store: Store, settings: Settings, ada: User) -> None:
    for header in ("", "theme=dark", "session_token="):
        assert CredentialAuthenticator().authenticate(call_of(store, settings, cookie=header)) is None
    call = call_of(store, settings, cookie=f"session_token={TOKEN_OF_NOBODY}")
    with pytest.raises(Refusal) as refusal:
        CredentialAuthenticator().authenticate(call)
    assert refusal.value.code == "UNAUTHORIZED"
    call.close()


def test_a_good_session_from_a_foreign_page_is_refused_unless_it_only_reads(
    store: Store, settings: Settings, ada: User
) -> None:
    header = f"session_token={logged_in(store, settings).value}"
    foreign = {"cookie": header, "origin": "https://evil.example.test"}
    with pytest.raises(Refusal) as refusal:
        CredentialAuthenticator().authenticate(call_of(store, settings, **foreign))
    assert refusal.value.code == "ORIGIN_NOT_ALLOWED"
    reading = call_of(store, settings, "GET", **foreign)
    assert CredentialAuthenticator().authenticate(reading) is not None
    reading.close()


@pytest.mark.parametrize("cookie", ["", f"session_token={TOKEN_OF_NOBODY}"])
def test_a_foreign_page_logs_nobody_in_and_costs_no_attempt(
    store: Store, settings: Settings, ada: User, cookie: str
) -> None:
    for origin, code in [
        ("https://evil.example.test", "ORIGIN_NOT_ALLOWED"),
        ("http://panel.example.com", "INVALID_CREDENTIALS"),
    ] * 5:
        call = call_of(store, settings, origin=origin, cookie=cookie)
        call.body = {"email": EMAIL, "password": "wrong"}
        with pytest.raises(Refusal) as refusal:
            handlers.login(call)
        call.close()
        assert refusal.value.code == code


def test_a_wrong_password_stays_counted_when_its_request_is_rolled_back(
    store: Store, settings: Settings, ada: User
) -> None:
    codes = []
    for _ in range(6):
        call = call_of(store, settings)
        call.body = {"email": EMAIL, "password": "wrong"}
        with pytest.raises(Refusal) as refusal:
            handlers.login(call)
        call.close()
        codes.append(refusal.value.code)
    assert codes == ["INVALID_CREDENTIALS"] * 5 + ["RATE_LIMITED"]
