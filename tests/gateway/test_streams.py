"""Streams: they end when their client is gone, give back what they hold, and never stand in memory whole."""

from __future__ import annotations

import asyncio

import pytest

from tests.gateway import handlers
from tests.gateway.harness import Door


@pytest.fixture(autouse=True)
def _no_events() -> None:
    handlers.EVENTS.clear()


@pytest.mark.parametrize("how", ["how=events", "how=blocks&size=1000000"])
def test_a_stream_ends_when_its_client_is_gone(door: Door, how: str) -> None:
    got = door("GET", f"/api/streams?{how}", hang_up_after=3)
    assert got.status == 200
    assert 3 <= got.pieces < 50
    assert handlers.EVENTS == ["opened", "closed"]


def test_a_stream_is_sent_piece_by_piece_to_its_end(door: Door) -> None:
    got = door("GET", "/api/streams?how=blocks&size=5")
    assert (len(got.body), got.pieces) == (5 << 18, 6)
    assert got.header("content-type") == "text/event-stream"
    assert got.header("content-length") is None
    assert handlers.EVENTS == ["opened", "closed"]


@pytest.mark.parametrize("how", ["events", "blocks"])
def test_head_of_a_stream_does_not_begin_it(door: Door, how: str) -> None:
    got = door("HEAD", f"/api/streams?how={how}")
    assert (got.status, got.body) == (200, b"")
    assert got.header("content-type") == "text/event-stream"
    assert handlers.EVENTS == []


def test_a_stream_that_breaks_off_does_not_look_complete(door: Door) -> None:
    with pytest.raises(RuntimeError, match="the disk is gone"):
        door("GET", "/api/streams?how=breaks")


def test_nothing_runs_on_after_a_stream(door: Door) -> None:
    door("GET", "/api/streams?how=events", hang_up_after=2)
    with pytest.raises(RuntimeError):
        door("GET", "/api/streams?how=breaks")
    assert asyncio.all_tasks(door.loop) == set()
