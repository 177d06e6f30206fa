"""Notifications: who sees which, and that they are read once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.support.product import Client
from tests.support.scene import Scene
from tests.support.world import NOTIFICATION, SITE
from writ.contract.errors import Refusal
from writ.events.notifications import list_notifications, mark_all_read, mark_read, notify
from writ.events.organization import DEFAULT_ORGANIZATION_ID
from writ.events.purging import purge_notifications
from writ.gateway.call import Actor
from writ.store.base import new_id, now
from writ.store.work import Store

pytestmark = pytest.mark.requirement("S0-63")

ADA, BOB, OTHER_SITE = UUID(int=0xA), UUID(int=0xB), UUID(int=0x99)
QUERY: dict[str, Any] = {"limit": 100, "sort": "created_at", "unread": False}


def actor(user: UUID = ADA, role: str = "owner", projects: frozenset[UUID] | None = None) -> Actor:
    return Actor(
        user,
        "session",
        "x@example.com",
        role,
        frozenset(),
        organization_id=DEFAULT_ORGANIZATION_ID,
        projects=projects,
    )


def add(store: Store, title: str, **more: Any) -> UUID:
    values = {"organization_id": DEFAULT_ORGANIZATION_ID, "kind": "test", "title": title, "message": ""}
    with store.begin() as session:
        return notify(session, **(values | more))


def titles(store: Store, who: Actor, **query: Any) -> list[str]:
    with store.read() as connection:
        return [row["title"] for row in list_notifications(connection, who, QUERY | query)["data"]]


def test_each_sees_their_own_and_administrators_those_for_all(store: Store) -> None:
    add(store, "all")
    add(store, "ada", user_id=ADA)
    add(store, "bob", user_id=BOB)
    add(store, "site", project_id=SITE)
    add(store, "other site", project_id=OTHER_SITE)
    assert titles(store, actor()) == ["all", "ada", "site", "other site"]
    assert titles(store, actor(BOB, "admin")) == ["all", "bob", "site", "other site"]
    assert titles(store, actor(BOB, "viewer")) == ["bob"]
    assert titles(store, actor(projects=frozenset({SITE}))) == ["site"]
    assert titles(store, actor(projects=frozenset())) == []
    assert titles(store, actor(), sort="-created_at", limit=2) == ["other site", "site"]


def test_what_is_read_is_no_longer_unread(store: Store) -> None:
    first, bobs = add(store, "first"), add(store, "bob", user_id=BOB)
    add(store, "second")
    with store.begin() as session:
        shown = mark_read(session, actor(), first)
    assert shown["read_at"] is not None
    with store.begin() as session:
        assert mark_read(session, actor(), first)["read_at"] == shown["read_at"], "the first reading counts"
    assert titles(store, actor(), unread=True) == ["second"]
    for stranger in (actor(BOB, "viewer"), actor(projects=frozenset({SITE}))):
        with pytest.raises(Refusal, match="NOTIFICATION_NOT_FOUND"), store.begin() as session:
            mark_read(session, stranger, first)
    with pytest.raises(Refusal, match="NOTIFICATION_NOT_FOUND"), store.begin() as session:
        mark_read(session, actor(), bobs)
    with store.begin() as session:
        assert mark_all_read(session, actor()) == 1
        assert mark_all_read(session, actor()) == 0
    assert titles(store, actor(), unread=True) == []
    assert titles(store, actor(BOB, "viewer"), unread=True) == ["bob"]


def test_old_ones_go(store: Store) -> None:
    add(store, "old")
    between = now()
    add(store, "new")
    assert purge_notifications(store, between) == 1
    assert titles(store, actor()) == ["new"]


def test_over_http(scene: Scene, client: Client) -> None:
    path = "/api/v1/notifications"
    assert [one["id"] for one in client.get(path, params={"unread": "true"}).json()["data"]] == [
        str(NOTIFICATION)
    ]
    read = client.post(f"{path}/{NOTIFICATION}/read")
    assert read.json()["read_at"] is not None
    assert client.get(path, params={"unread": "true"}).json()["data"] == []
    assert client.get(path).json()["data"] == [read.json()]
    assert client.post(f"{path}/read-all").json() == {"marked": 0}
    assert client.post(f"{path}/{new_id()}/read").status_code == 404
