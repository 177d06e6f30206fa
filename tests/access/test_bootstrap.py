from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.access.conftest import EMAIL, PASSWORD
from writ.access import bootstrap, passwords
from writ.access.bootstrap import ensure_admin, reset_password
from writ.access.login import check_credentials, log_in
from writ.access.models import User
from writ.access.sessions import find_session
from writ.contract.errors import Refusal
from writ.settings import Settings
from writ.store.work import Store


def with_password(settings: Settings, password: str) -> Settings:
    return Settings(**{**settings.model_dump(), "admin_password": password})


@pytest.mark.requirement("S2-18")
def test_the_first_start_makes_the_admin_and_tells_the_password_once(
    store: Store, settings: Settings
) -> None:
    made = ensure_admin(store, settings)
    assert made is not None
    assert made.generated
    assert made.password not in repr(made)
    assert check_credentials(store, settings, EMAIL, made.password, None)
    assert ensure_admin(store, settings) is None
    assert ensure_admin(store, with_password(settings, "another password")) is None
    with pytest.raises(Refusal):
        check_credentials(store, settings, EMAIL, "another password", None)


def test_a_given_password_is_used(store: Store, settings: Settings) -> None:
    made = ensure_admin(store, with_password(settings, PASSWORD))
    assert made is not None
    assert (made.email, made.password, made.generated) == (EMAIL, PASSWORD, False)
    assert check_credentials(store, settings, EMAIL, PASSWORD, None)


def test_an_empty_password_is_none_given(store: Store, settings: Settings) -> None:
    made = ensure_admin(store, with_password(settings, ""))
    assert made is not None
    assert made.generated
    assert len(made.password) == 24


def test_two_that_start_at_once_make_one_admin(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = bootstrap._users_exist

    def look_and_linger(session: Session) -> bool:
        exist = look(session)
        time.sleep(0.1)  # whoever is not kept out looks now, too
        return exist

    monkeypatch.setattr(bootstrap, "_users_exist", look_and_linger)
    other = Settings(**{**settings.model_dump(), "admin_email": "grace@example.com"})
    with ThreadPoolExecutor(4) as pool:
        made = [m for m in pool.map(lambda s: ensure_admin(store, s), [settings, other] * 2) if m]
    assert len(made) == 1
    with store.read() as connection:
        assert connection.execute(select(User.email)).scalars().all() == [made[0].email]
    assert check_credentials(store, settings, made[0].email, made[0].password, None)


@pytest.mark.parametrize("email", ["ada", "@example.com", "ada@", "a b@example.com", "a\0@example.com", ""])
def test_an_unusable_email_says_which_setting(tmp_path: Path, settings: Settings, email: str) -> None:
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    User.metadata.create_all(store.engine)
    with pytest.raises(ValueError, match="WRIT_ADMIN_EMAIL"):
        ensure_admin(store, Settings(**{**settings.model_dump(), "admin_email": email}))
    with pytest.raises(ValueError, match="WRIT_ADMIN_PASSWORD"):
        ensure_admin(store, with_password(settings, "x" * 2000))
    store.close()


def test_the_default_email_is_one(tmp_path: Path) -> None:
    jsonschema_rs = pytest.importorskip("jsonschema_rs")
    email = Settings.model_fields["admin_email"].default
    assert jsonschema_rs.is_valid({"type": "string", "format": "email"}, email, validate_formats=True)


def test_a_reset_changes_the_password_ends_sessions_and_lifts_the_wait(
    store: Store, settings: Settings, ada: User
) -> None:
    proof = check_credentials(store, settings, EMAIL, PASSWORD, None)
    with store.begin() as session:
        token = log_in(session, proof, settings)
    for _ in range(5):
        with pytest.raises(Refusal):
            check_credentials(store, settings, EMAIL, "wrong", None)
    assert reset_password(store, settings, EMAIL.upper(), "a new password")
    with store.read() as connection:
        assert find_session(connection, token) is None
        stored = connection.execute(select(User.password_hash)).scalar_one()
    assert not passwords.verify_password(stored, PASSWORD)
    assert check_credentials(store, settings, EMAIL, "a new password", None)


def test_a_reset_for_nobody_is_false(store: Store, settings: Settings, ada: User) -> None:
    assert not reset_password(store, settings, "nobody@example.com", "a new password")
