"""The stream of events: every event once and in order, whatever is cut and whoever dies in between."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.product import Client, Product, running_product
from tests.support.scene import Scene
from tests.support.world import EVENT, KEY, KEY_TEXTS
from writ.events.models import EventLog

pytestmark = pytest.mark.requirement("S1-99")

WRITERS, EACH = 4, 250

WRITE = """
import sys
from tests.events.conftest import SITE_DATA, tell
from writ.store.work import Store
store = Store(sys.argv[1])
for number in range(int(sys.argv[3])):
    tell(store, subject=f"site:{sys.argv[2]}-{number}", data={**SITE_DATA, "name": sys.argv[2]})
"""


class Reader(threading.Thread):
    """Follows the stream, hangs up now and then, and comes again with the id that it saw last."""

    def __init__(self, product: Product, cookies: httpx.Cookies, after: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.product, self.cookies, self.place = product, cookies, after
        self.random = random.Random(seed)
        self.seen: list[dict[str, Any]] = []
        self.times = 0
        self.enough = threading.Event()

    def run(self) -> None:
        while not self.enough.is_set():
            self.times += 1
            try:
                self.follow(self.random.randrange(1, 200))
            except httpx.HTTPError:
                time.sleep(0.05)

    def follow(self, most: int) -> None:
        """Read at most so many events, then hang up in the middle of it."""
        headers = {"Last-Event-ID": self.place, "Accept": "text/event-stream"}
        url = f"{self.product.url}/api/v1/events/stream"
        with (
            httpx.Client(cookies=self.cookies, timeout=10) as client,
            client.stream("GET", url, params={"types": "site.created"}, headers=headers) as answer,
        ):
            assert answer.status_code == 200, answer.read()
            place, data = self.place, ""
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    place = line[4:]
                elif line.startswith("data: "):
                    data = line[6:]
                elif not line:
                    # The end of an event is its blank line; one that was cut is dropped, as browsers do.
                    self.place = place
                    if data:
                        self.seen.append(json.loads(data))
                        most -= 1
                    data = ""
                if most <= 0 or self.enough.is_set():
                    return


@contextmanager
def product_for_streams(folder: Path, database_url: str, redis_url: str) -> Iterator[Product]:
    product = Product(folder / "home", database_url, redis_url, {"WRIT_STREAM_SECONDS": "5"})
    try:
        product.prepare()
        product.start("server", "pump")
        yield product
    finally:
        product.stop()


def test_every_event_arrives_once_and_in_order_through_cuts_and_kills(
    tmp_path: Path, database_url: str, redis_server: Any
) -> None:
    """1,000 events from four processes; three readers that hang up; the pump is killed twice meanwhile."""
    with (
        product_for_streams(tmp_path, database_url, redis_server.url) as product,
        product.client() as client,
    ):
        begin = client.get("/v1/events", params={"limit": 1}).json()["data"]
        assert begin == []
        readers = [Reader(product, client.cookies, "cDA", seed) for seed in range(3)]
        for reader in readers:
            reader.start()
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITE, database_url, str(number), str(EACH)],
                env={**product.environment, "PYTHONPATH": product.environment["PYTHONPATH"] + ":."},
            )
            for number in range(WRITERS)
        ]
        for _ in range(2):
            wait_for(lambda: len(readers[0].seen) > 0, 60)
            time.sleep(0.3)
            product.kill("pump")
            product.start("pump")
        assert [writer.wait(120) for writer in writers] == [0] * WRITERS
        wait_for(lambda: all(len(reader.seen) >= WRITERS * EACH for reader in readers), 120)
        time.sleep(0.3)
        for reader in readers:
            reader.enough.set()
        for reader in readers:
            reader.join(10)
        log = [event["id"] for event in whole_log(client)]
    assert len(log) == WRITERS * EACH
    for reader in readers:
        assert [event["id"] for event in reader.seen] == log
        assert reader.times > 3, "a reader that is never cut proves nothing"
    for number in range(WRITERS):
        own = [e["subject"] for e in readers[0].seen if e["data"]["name"] == str(number)]
        assert own == [f"site:{number}-{at}" for at in range(EACH)], "what one writer did is in its order"


def whole_log(client: Client) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": 100, "types": "site.created"}
    while True:
        page = client.get("/v1/events", params=params).json()
        rows += page["data"]
        if page["pagination"]["next_cursor"] is None:
            return rows
        params["cursor"] = page["pagination"]["next_cursor"]


def wait_for(condition: Any, seconds: float) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it does not come true"
        time.sleep(0.02)


def test_what_comes_while_nobody_listens_is_there_for_who_comes_again(tmp_path: Path) -> None:
    """The first lines of a stream say where it begins, so that even a reader who saw no event misses none."""
    with running_product(tmp_path, WRIT_STREAM_SECONDS="1") as product, product.client() as client:
        with client.stream("GET", "/v1/events/stream") as quiet:
            place = next(line[4:] for line in quiet.iter_lines() if line.startswith("id: "))
        job = client.carry_out(client.post("/sites", json={"name": "Shop", "slug": "shop"}))
        wait_for(lambda: len(client.get("/v1/events").json()["data"]) == 2, 10)
        text = client.get("/v1/events/stream", headers={"Last-Event-ID": place}).text
        found = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
        assert [event["type"] for event in found] == ["site.created", "job.completed"]
        assert found[1]["data"] == client.get(f"/jobs/{job['id']}").json()
        # It goes on by itself after what was missed.
        only = client.get("/v1/events/stream", params={"types": "job.*", "after": found[0]["id"]}).text
        assert only.count("data: ") == 1


def test_the_header_counts_before_the_parameter(client: Client) -> None:
    ids = [event["id"] for event in client.get("/api/v1/events", params={"limit": 100}).json()["data"]]
    answer = client.get(
        "/api/v1/events/stream", params={"after": ids[-1]}, headers={"Last-Event-ID": ids[-3]}
    )
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [line[4:] for line in answer.text.splitlines() if line.startswith("id: evt_")] == ids[-2:]


def test_a_stream_without_a_place_begins_now(client: Client) -> None:
    text = client.get("/api/v1/events/stream").text
    assert text.startswith("retry: 2000\nid: ")
    assert "data: " not in text


def test_a_place_that_is_gone_is_refused(scene: Scene, client: Client) -> None:
    begun = client.get("/api/v1/events", params={"limit": 1}).json()
    scene.change(EventLog, 1, purged_position=3)
    answer = client.get(
        "/api/v1/events/stream", headers={"Last-Event-ID": begun["pagination"]["next_cursor"]}
    )
    assert (answer.status_code, answer.json()["code"]) == (410, "event_gone")


def test_a_key_without_the_scope_follows_nothing(scene: Scene) -> None:
    answer = scene.stranger.get("/v1/events/stream", headers={"X-API-Key": KEY_TEXTS[KEY]})
    assert (answer.status_code, answer.json()["code"]) == (403, "auth_scope_missing")
    assert EVENT.hex not in answer.text
