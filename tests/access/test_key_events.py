"""What others hear of keys: every change once, with what it changed, and never the key itself."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from tests.support.product import Client
from tests.support.scene import Scene
from tests.support.world import KEY
from writ.events.models import Event

KEYS = "/api/v1/api-keys"


def told(scene: Scene, key: str) -> list[Any]:
    statement = select(Event.type, Event.data, Event.changes, Event.organization_id, Event.project_id)
    with scene.store.read() as connection:
        found = connection.execute(
            statement.where(Event.subject == f"api_key:{key}").order_by(Event.sequence)
        )
        return list(found.all())


@pytest.mark.requirement("S1-37", "S1-53")
def test_the_life_of_a_key_is_told(scene: Scene, client: Client) -> None:
    shown = client.post(KEYS, json={"key_name": "Script", "scopes": ["jobs.read"]}).json()
    place, text = f"{KEYS}/{shown['id']}", shown["api_key"]
    settings = {"key_name": "Other", "scopes": ["jobs.read"]}
    for _ in range(2):
        assert client.put(place, json=settings).status_code == 200
    newer = client.post(f"{place}/regenerate", json={"grace_seconds": 60}).json()
    for _ in range(2):
        assert client.post(f"{place}/revoke").status_code == 200
    before = client.get(place).json()
    assert client.delete(place).status_code == 200
    events = told(scene, shown["id"])
    assert [event.type for event in events] == [
        "api_key.created",
        "api_key.updated",
        "api_key.rotated",
        "api_key.revoked",
        "api_key.deleted",
    ]
    created, updated, rotated, revoked, deleted = events
    assert created.data == {name: value for name, value in shown.items() if name in created.data}
    assert updated.changes == {"key_name": {"before": "Script", "after": "Other"}}
    assert "previous_key_expires_at" in rotated.changes
    assert revoked.changes["is_active"] == {"before": True, "after": False}
    assert deleted.data == before
    assert text not in str(events)
    assert newer["api_key"] not in str(events)


def test_what_is_refused_is_not_told(scene: Scene, client: Client) -> None:
    refused = client.put(f"{KEYS}/{KEY}", json={"key_name": "x", "expires_at": "2020-01-01T00:00:00Z"})
    assert refused.status_code == 422
    assert told(scene, str(KEY)) == []
