"""Reading the log by the rules themselves: confinement to projects, patterns, and the index that is used."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text

from tests.events.conftest import SITE, tell
from writ.contract.errors import Refusal
from writ.events.envelope import event_id, event_name
from writ.events.organization import DEFAULT_ORGANIZATION_ID
from writ.events.reading import Reader, list_events, make_cursor, place_after, read_after
from writ.events.sequencer import number_events
from writ.events.types import expand_types, follows
from writ.store.work import Store

OTHER_SITE = UUID(int=0x52)


def number(store: Store) -> None:
    with store.begin() as session:
        number_events(session, 10_000)


def test_a_confined_reader_sees_its_projects_only(store: Store) -> None:
    for site in (SITE, OTHER_SITE, None, SITE):
        tell(store, project_id=site)
    tell(store, "site.deleted")
    number(store)
    with store.read() as connection:

        def positions(reader: Reader, after: int = 0) -> list[int]:
            return [row["position"] for row in read_after(connection, reader, after, 100)]

        whole = Reader(DEFAULT_ORGANIZATION_ID)
        assert positions(whole) == [1, 2, 3, 4, 5]
        assert positions(whole, 3) == [4, 5]
        assert positions(Reader(DEFAULT_ORGANIZATION_ID, frozenset({SITE}))) == [1, 4, 5]
        assert positions(Reader(DEFAULT_ORGANIZATION_ID, frozenset({SITE, OTHER_SITE}))) == [1, 2, 4, 5]
        assert positions(Reader(DEFAULT_ORGANIZATION_ID, frozenset())) == []
        deleted = frozenset({"site.deleted", "job.failed"})
        assert positions(Reader(DEFAULT_ORGANIZATION_ID, frozenset({SITE}), deleted)) == [5]
        assert positions(Reader(DEFAULT_ORGANIZATION_ID, None, deleted)) == [5]
        assert positions(Reader(OTHER_SITE)) == []


def test_an_event_without_a_position_is_not_shown_yet(store: Store) -> None:
    waiting = tell(store)
    reader = Reader(DEFAULT_ORGANIZATION_ID)
    with store.read() as connection:
        assert list_events(connection, reader, {"limit": 10})["data"] == []
        with pytest.raises(Refusal, match="EVENT_GONE"):
            place_after(connection, reader, event_name(waiting))
    number(store)
    with store.read() as connection:
        assert [e["id"] for e in list_events(connection, reader, {"limit": 10})["data"]] == [
            event_name(waiting)
        ]


@pytest.mark.parametrize("cursor", ["bm9uZQ", "cA", "cC0x", "evt_12", make_cursor(7), "p7", "w7zDvA"])
def test_what_is_no_cursor_is_refused(store: Store, cursor: str) -> None:
    with store.read() as connection, pytest.raises(Refusal, match="CURSOR_INVALID"):
        place_after(connection, Reader(DEFAULT_ORGANIZATION_ID), cursor)


def test_a_rare_type_among_many_events_is_found_by_an_index(store: Store) -> None:
    for _ in range(300):
        tell(store)
    tell(store, "site.deleted")
    number(store)
    rare = Reader(DEFAULT_ORGANIZATION_ID, None, frozenset({"site.deleted"}))
    with store.read() as connection:
        assert [row["position"] for row in read_after(connection, rare, 0, 10)] == [301]
        if store.engine.dialect.name == "sqlite":
            plan = "\n".join(
                str(row)
                for row in connection.execute(
                    text(
                        "EXPLAIN QUERY PLAN SELECT position FROM events WHERE organization_id = 'x' "
                        "AND type = 'site.deleted' AND position > 0 ORDER BY position LIMIT 10"
                    )
                )
            )
            assert "ix_events_organization_id_type_position" in plan
            assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("site.created", "site.created", True),
        ("site.created", "site.*", True),
        ("site.created", "*.created", True),
        ("site.created", "*", True),
        ("site.created", "s*e.c*d", True),
        ("site.created", "site", False),
        ("site.created", "*site", False),
        ("site.created", "site.created*d", False),
        ("site.created", "*e*e*e*", True),
        ("site.created", "*e*e*e*e*", False),
        ("site.created", "*" * 500, True),
    ],
)
def test_an_asterisk_stands_for_any_letters(name: str, pattern: str, expected: bool) -> None:
    assert follows(name, pattern) is expected


def test_a_pattern_that_no_type_follows_is_refused() -> None:
    assert expand_types(["domain.*"], field="/query/types") == {"domain.added", "domain.removed"}
    with pytest.raises(Refusal) as refused:
        expand_types(["site.created", "nothing.*"], field="/body/event_types")
    assert refused.value.code == "EVENT_TYPE_UNKNOWN"
    assert [error.field for error in refused.value.errors] == ["/body/event_types"]


def test_the_shown_id_is_the_id() -> None:
    assert event_name(UUID(int=10)) == "evt_0000000000000000000000000000000a"
    assert event_id(event_name(SITE)) == SITE
    for wrong in ("evt_12", "0" * 36, ""):
        with pytest.raises(ValueError):
            event_id(wrong)
