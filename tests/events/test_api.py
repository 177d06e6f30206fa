"""The log of events over HTTP: paged by position, filtered by type, each organization's and project's own."""

from __future__ import annotations

from typing import Any

import pytest
from writ_contract.events import ALL_EVENTS

from tests.support.product import Client
from tests.support.scene import Scene
from tests.support.world import (
    DELIVERED_EVENT,
    EARLY_EVENT,
    EVENT,
    KEY_OF_PRESET,
    KEY_TEXTS,
    PRODUCTION,
    RELEASE,
    SITE,
)
from writ.access.models import Organization
from writ.events.models import Event, EventLog
from writ.store.base import new_id

pytestmark = pytest.mark.requirement("S1-37", "S3-153")

WRITTEN = {f"evt_{event.hex}" for event in (EVENT, DELIVERED_EVENT, EARLY_EVENT)}
"""Events of the examples that no order led to."""


def walk(client: Client, **query: Any) -> list[dict[str, Any]]:
    """Every event, page by page."""
    rows: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": 7} | query
    while True:
        answer = client.get("/api/v1/events", params=params)
        assert answer.status_code == 200, answer.text
        rows += answer.json()["data"]
        following = answer.json()["pagination"]["next_cursor"]
        if following is None:
            return rows
        params = {"limit": 7, "cursor": following} | {k: v for k, v in query.items() if k == "types"}


@pytest.mark.requirement(
    "S1-40",
    "S1-41",
    "S1-101",
    "S3-154",
    "S3-155",
    "S3-156",
    "S3-157",
    "S3-158",
    "S4-128",
    "S4-129",
    "S4-130",
    "S4-131",
)
def test_what_orders_did_is_in_the_log_with_the_resource_as_its_get_shows_it(client: Client) -> None:
    events = walk(client)
    assert len({event["id"] for event in events}) == len(events)
    assert {event["type"] for event in events} <= ALL_EVENTS
    deployed = [e for e in events if e["type"] == "environment.deployed" and e["id"] not in WRITTEN]
    last = deployed[-1]
    assert last["project_id"] == str(SITE)
    assert last["subject"] == f"environment:{PRODUCTION}"
    assert last["changes"]["current_release_id"]["after"] == str(RELEASE)
    assert last["created_at"] == last["timestamp"]
    assert last["api_version"] == "2026-11-01"
    assert last["organization_id"] == "00000000-0000-0000-0000-000000000001"
    shown = client.get(f"/api/environments/{PRODUCTION}").json()
    moves = ("updated_at", "drift_status", "drift_checked_at")
    assert {k: v for k, v in last["data"].items() if k not in moves} == {
        k: v for k, v in shown.items() if k not in moves
    }
    job = next(e for e in events if e["type"] == "job.completed" and e["subject"] == f"job:{RELEASE}")
    assert job["data"] == client.get(f"/api/jobs/{RELEASE}").json()
    backup = next(e for e in events if e["type"] == "backup.completed")
    assert backup["data"] == client.get(f"/api/backups/{backup['data']['id']}").json()
    assert client.get(f"/api/v1/events/{last['id']}").json() == last


def test_types_are_patterns(client: Client) -> None:
    everything = walk(client)
    for types, meant in (
        ("job.*", lambda name: name.startswith("job.")),
        ("*.created", lambda name: name.endswith(".created")),
        ("site.created,backup.*", lambda name: name == "site.created" or name.startswith("backup.")),
        ("*", lambda name: True),
    ):
        wanted = [event for event in everything if meant(event["type"])]
        assert wanted
        assert walk(client, types=types) == wanted


def test_who_goes_on_after_the_last_event_misses_nothing(scene: Scene, client: Client) -> None:
    everything = walk(client)
    for at in (0, 3, len(everything) - 1):
        assert walk(client, after=everything[at]["id"]) == everything[at + 1 :]
    # A place is also a cursor.
    page = client.get("/api/v1/events", params={"limit": 2}).json()
    assert walk(client, after=page["pagination"]["next_cursor"]) == everything[2:]


def test_what_is_purged_or_never_was_is_told_apart_from_the_end(scene: Scene, client: Client) -> None:
    first = client.get("/api/v1/events", params={"limit": 1}).json()
    cursor = first["pagination"]["next_cursor"]
    scene.change(EventLog, 1, purged_position=5)
    gone = client.get("/api/v1/events", params={"after": cursor})
    assert (gone.status_code, gone.json()["code"]) == (410, "event_gone")
    beyond = client.get("/api/v1/events", params={"after": "cDk5OTk5OTk"})
    assert (beyond.status_code, beyond.json()["code"]) == (422, "cursor_invalid")


def test_nobody_sees_the_events_of_another_organization(scene: Scene, client: Client) -> None:
    other, strange = new_id(), new_id()
    with scene.store.begin() as session:
        session.add(Organization(id=other, name="Other"))
        session.flush()
        session.add(
            Event(
                id=strange,
                position=10**6,
                type="site.created",
                organization_id=other,
                subject="site:1",
                data={},
            )
        )
    assert strange.hex not in str(walk(client))
    assert client.get(f"/api/v1/events/evt_{strange.hex}").status_code == 404
    assert client.get("/api/v1/events", params={"after": f"evt_{strange.hex}"}).status_code == 410


def test_an_event_for_one_webhook_is_not_in_the_log(scene: Scene, client: Client) -> None:
    with scene.store.begin() as session:
        event = session.query(Event).filter(Event.id == EVENT).one()
        event.subscription_id = new_id()
    assert EVENT.hex not in str(walk(client))
    assert client.get(f"/api/v1/events/evt_{EVENT.hex}").status_code == 404


def test_a_key_that_may_only_read_sees_events(scene: Scene) -> None:
    key = KEY_TEXTS[KEY_OF_PRESET["read-only"]]
    answer = scene.stranger.get("/v1/events", headers={"X-API-Key": key})
    assert answer.status_code == 200
    assert answer.json()["data"]
    refused = scene.stranger.get("/v1/events", headers={"X-API-Key": KEY_TEXTS[KEY_OF_PRESET["write"]]})
    assert (refused.status_code, refused.json()["code"]) == (403, "auth_scope_missing")
