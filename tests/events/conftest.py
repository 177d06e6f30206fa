"""A migrated database, and events in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

import writ.app  # noqa: F401  (every table is there when everything is imported)
from writ.events.organization import DEFAULT_ORGANIZATION_ID
from writ.events.publish import publish
from writ.store.migrate import upgrade
from writ.store.work import Store

SITE = UUID(int=0x51)
SITE_DATA = {
    "id": str(SITE),
    "name": "Shop",
    "slug": "shop",
    "repository_url": None,
    "status": "active",
    "created_at": "2026-02-20T10:00:00Z",
    "updated_at": "2026-02-20T10:00:00Z",
}


def tell(store: Store, event_type: str = "site.created", **more: Any) -> UUID:
    """Publish an event of the default organization and commit it; its id."""
    values: dict[str, Any] = {
        "organization_id": DEFAULT_ORGANIZATION_ID,
        "subject": f"site:{SITE}",
        "data": SITE_DATA,
        "project_id": SITE,
    }
    with store.begin() as session:
        return publish(session, event_type, **(values | more))


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """Once on SQLite and once on PostgreSQL."""
    store = Store(database_url)
    upgrade(store.engine)
    yield store
    store.close()
