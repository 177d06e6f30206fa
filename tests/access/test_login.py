from __future__ import annotations

from datetime import timedelta

import argon2
import pytest
from sqlalchemy import func, select
from writ_contract.scopes import ALL_SCOPES

from tests.access.conftest import EMAIL, PASSWORD, Clock
from writ.access import login, passwords
from writ.access.bootstrap import reset_password
from writ.access.models import LoginAttempts, LoginSession, User
from writ.access.sessions import find_session, hash_token
from writ.contract.errors import Refusal
from writ.settings import Settings
from writ.store.work import Store

HERE = "192.0.2.1"


def log_in(store: Store, settings: Settings, email: str = EMAIL, password: str = PASSWORD) -> str:
    proof = login.check_credentials(store, settings, email, password, HERE)
    with store.begin() as session:
        return login.log_in(session, proof, settings, "curl/8\r\n\0")


def refusal_of(store: Store, settings: Settings, email: str, password: str) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        log_in(store, settings, email, password)
    return refusal.value


@pytest.mark.requirement("S2-19", "S2-21", "S2-29")
def test_a_login_opens_a_session_and_keeps_only_the_hash_of_its_token(
    store: Store, settings: Settings, ada: User
) -> None:
    token = log_in(store, settings, email=f"  {EMAIL.upper()} ")
    with store.read() as connection:
        actor = find_session(connection, token)
        row = connection.execute(select(LoginSession.__table__)).one()
    assert actor is not None
    assert (actor.id, actor.email, actor.role, actor.session_id) == (ada.id, EMAIL, "owner", row.id)
    assert actor.scopes >= ALL_SCOPES
    assert row.token_hash == hash_token(token)
    assert token not in map(str, row)
    assert row.user_agent == "curl/8   "


def test_an_unknown_email_and_a_wrong_password_are_refused_alike(
    store: Store, settings: Settings, ada: User
) -> None:
    wrong = refusal_of(store, settings, EMAIL, "wrong")
    unknown = refusal_of(store, settings, "nobody@example.com", "wrong")
    assert wrong.code == unknown.code == "INVALID_CREDENTIALS"
    assert (wrong.message, wrong.details, wrong.headers) == (
        unknown.message,
        unknown.details,
        unknown.headers,
    )


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (EMAIL, "wrong"),
        (EMAIL, ""),
        (EMAIL, "x" * 100_000),
        ("nobody@example.com", PASSWORD),
        ("nobody@example.com", "x" * 100_000),
        ("\0@example.com", PASSWORD),
        ("a" * 5000 + "@example.com", PASSWORD),
    ],
)
def test_every_refusal_costs_one_verification_of_the_same_size(
    store: Store, settings: Settings, ada: User, monkeypatch: pytest.MonkeyPatch, email: str, password: str
) -> None:
    passwords.verify_password(None, "warm")
    seen: list[argon2.Parameters] = []
    verify = argon2.PasswordHasher.verify

    def counted(self: argon2.PasswordHasher, hash: str, password: str | bytes) -> bool:
        seen.append(argon2.extract_parameters(hash))
        return verify(self, hash, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", counted)
    assert refusal_of(store, settings, email, password).code == "INVALID_CREDENTIALS"
    assert seen == [argon2.extract_parameters(ada.password_hash)]


def test_the_password_is_not_looked_at_while_the_caller_must_wait(
    store: Store, settings: Settings, ada: User, clock: Clock
) -> None:
    for _ in range(5):
        assert refusal_of(store, settings, EMAIL, "wrong").code == "INVALID_CREDENTIALS"
    refused = refusal_of(store, settings, EMAIL, PASSWORD)
    assert (refused.code, refused.headers) == ("RATE_LIMITED", {"Retry-After": "5"})
    clock.forward(timedelta(seconds=5))
    log_in(store, settings)
    with store.read() as connection:
        assert connection.execute(select(func.count()).select_from(LoginAttempts)).scalar_one() == 0


def test_a_hash_with_old_parameters_is_renewed_by_a_login(
    store: Store, settings: Settings, ada: User
) -> None:
    old = argon2.PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD.encode())
    with store.begin() as session:
        session.get_one(User, ada.id).password_hash = old
    log_in(store, settings)
    with store.read() as connection:
        renewed = connection.execute(select(User.password_hash)).scalar_one()
    assert not passwords.needs_rehash(renewed)
    assert passwords.verify_password(renewed, PASSWORD)


def test_a_password_changed_between_proof_and_login_ends_the_login(
    store: Store, settings: Settings, ada: User
) -> None:
    proof = login.check_credentials(store, settings, EMAIL, PASSWORD, HERE)
    assert reset_password(store, settings, EMAIL, "another password")
    with store.begin() as session, pytest.raises(Refusal):
        login.log_in(session, proof, settings)


def test_a_login_deletes_expired_sessions(store: Store, settings: Settings, ada: User, clock: Clock) -> None:
    log_in(store, settings)
    clock.forward(timedelta(hours=settings.session_hours))
    log_in(store, settings)
    with store.read() as connection:
        assert connection.execute(select(func.count()).select_from(LoginSession)).scalar_one() == 1
