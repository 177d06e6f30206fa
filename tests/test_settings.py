"""Settings as they come from the environment."""

from __future__ import annotations

import os
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from writ.settings import Settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("WRIT_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize("text", ["127.0.0.0/8,fd00::/8", "127.0.0.0/8, fd00::/8", "127.0.0.0/8 fd00::/8"])
def test_networks_are_a_list(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("WRIT_TRUSTED_NETWORKS", text)
    assert Settings().trusted_networks == (ip_network("127.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize("text", ["/srv/git,/home/git", "/srv/git:/home/git"])
def test_paths_are_a_list(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("WRIT_TRUSTED_PATHS", text)
    assert Settings().trusted_paths == (Path("/srv/git"), Path("/home/git"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WRIT_TRUSTED_NETWORKS", "10.0.0.1/8"),
        ("WRIT_PORT", "70000"),
        ("WRIT_PUBLIC_URL", "writ.example.com"),
        ("WRIT_PUBLIC_URL", "https://writ.example.com/path"),
        ("WRIT_DATABASE_URL", "writ.db"),
        ("WRIT_DATABASE_URL", "postgresql://db.example.com:port/writ"),
        ("WRIT_REDIS_URL", "redis.example.com:6379"),
        ("WRIT_LOG_LEVEL", "loud"),
    ],
)
def test_what_cannot_be_meant_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        Settings()


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(f"WRIT_{name.upper()}", "")
    assert Settings() == Settings.model_construct()


def test_the_secret_key_is_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    key = settings.secret()
    assert len(key) >= 32
    assert Settings(home=tmp_path / "home").secret() == key
    assert (tmp_path / "home" / "secret_key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["secret_key"]
