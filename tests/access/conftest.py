"""Both databases, with the tables of access only; a clock that tests move."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from writ.access import (
    key_cache,
    key_rules,
    key_secrets,
    login,
    models,
    passwords,
    rate_models,
    sessions,
    throttle,
)
from writ.events.models import Event
from writ.settings import Settings
from writ.store.base import Base, now
from writ.store.work import Store

EMAIL = "ada@example.com"
PASSWORD = "correct horse battery staple"
TABLES = [
    model.__table__
    for model in (
        models.Organization,
        models.User,
        models.LoginSession,
        models.LoginAttempts,
        models.ApiKey,
        rate_models.RatePolicy,
        rate_models.ApiRateLimit,
        Event,
    )
]


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store = Store(database_url)
    Base.metadata.create_all(store.engine, tables=TABLES)
    with store.begin() as session:
        session.add(models.Organization(id=models.DEFAULT_ORGANIZATION_ID, name="Default"))
    yield store
    store.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", secret_key="k" * 32, session_hours=10, admin_email=EMAIL)


@pytest.fixture(scope="session")
def password_hash() -> str:
    return passwords.hash_password(PASSWORD)


@pytest.fixture
def ada(store: Store, password_hash: str) -> models.User:
    user = models.User(email=EMAIL, password_hash=password_hash)
    with store.begin() as session:
        session.add(user)
    return user


class Clock:
    def __init__(self) -> None:
        self.at = now()

    def __call__(self) -> datetime:
        return self.at

    def forward(self, time: timedelta) -> None:
        self.at += time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (throttle, sessions, login, key_cache, key_rules, key_secrets):
        monkeypatch.setattr(module, "now", clock)
    return clock
