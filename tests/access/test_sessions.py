from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from tests.access.conftest import Clock
from writ.access import sessions
from writ.access.models import LoginSession, User
from writ.settings import Settings
from writ.store.prepared import Prepared
from writ.store.work import Store


@pytest.fixture
def token(store: Store, settings: Settings, ada: User, clock: Clock) -> str:
    with store.begin() as session:
        return sessions.create_session(session, ada.id, settings, "x" * 1000)


def find(store: Store, token: str) -> object:
    with store.read() as connection:
        return sessions.find_session(connection, token)


def test_a_session_ends_when_its_hours_are_over(store: Store, token: str, clock: Clock) -> None:
    clock.forward(timedelta(hours=10) - timedelta(milliseconds=1))
    assert find(store, token) is not None
    clock.forward(timedelta(milliseconds=1))
    assert find(store, token) is None


def test_a_revoked_session_is_none_and_is_revoked_once(store: Store, token: str) -> None:
    with store.read() as connection:
        actor = sessions.find_session(connection, token)
    assert actor is not None
    assert actor.session_id is not None
    with store.begin() as session:
        assert sessions.revoke_session(session, actor.session_id)
        assert not sessions.revoke_session(session, actor.session_id)
    assert find(store, token) is None


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: t + "A", lambda t: "ws_" + "é" * 43, lambda t: ""]
)
def test_another_token_is_nobodys(store: Store, token: str, change: object) -> None:
    assert callable(change)
    assert find(store, change(token)) is None


def test_a_token_with_one_other_character_is_nobodys(store: Store, token: str) -> None:
    assert find(store, token[:-1] + ("A" if token[-1] != "A" else "B")) is None


def test_a_lookup_is_one_select_and_junk_is_none(
    store: Store, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    run = Prepared.all

    def spy(prepared: Prepared, *arguments: Any) -> Any:
        seen.append(str(prepared.statement))
        return run(prepared, *arguments)

    monkeypatch.setattr(Prepared, "all", spy)
    with store.read() as connection:
        event.listen(store.reader, "before_cursor_execute", lambda *args: seen.append(args[2]))
        assert sessions.find_session(connection, token)
        assert len(seen) == 1
        assert seen[0].startswith("SELECT")
        assert sessions.find_session(connection, "junk") is None
        assert len(seen) == 1


def test_tokens_differ_and_are_recognisable(store: Store, settings: Settings, ada: User, token: str) -> None:
    with store.begin() as session:
        other = sessions.create_session(session, ada.id, settings)
    assert other != token
    assert token.startswith("ws_")
    with store.read() as connection:
        agents = connection.execute(select(LoginSession.user_agent)).scalars().all()
    assert sorted(len(agent or "") for agent in agents) == [0, 200]


def test_purge_leaves_living_sessions(
    store: Store, settings: Settings, ada: User, token: str, clock: Clock
) -> None:
    clock.forward(timedelta(hours=9))
    with store.begin() as session:
        young = sessions.create_session(session, ada.id, settings)
    clock.forward(timedelta(hours=2))
    with store.begin() as session:
        assert sessions.purge_sessions(session) == 1
    assert find(store, young) is not None
