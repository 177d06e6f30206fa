"""What is repeated, and that it is the same request when it is."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from writ.client import connection
from writ.client.connection import Connection, Failure, NotAllowed, Unreachable
from writ.client.follow import read_events
from writ.client.receiver import verify

Answer = Callable[[httpx.Request], httpx.Response]


def connected(*answers: httpx.Response | Exception) -> tuple[Connection, list[httpx.Request]]:
    waiting, seen = list(answers), []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        answer = waiting.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    api = Connection("http://writ.example.test", key="writ_live_x", transport=httpx.MockTransport(handle))
    return api, seen


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []
    monkeypatch.setattr(connection.time, "sleep", waits.append)
    return waits


def test_a_change_is_repeated_under_one_key(waits: list[float]) -> None:
    api, seen = connected(
        httpx.ConnectError("gone"),
        httpx.Response(503, headers={"Retry-After": "2"}),
        httpx.Response(202, json={"job_id": "1"}),
    )
    assert api.call("POST", "/sites", {"name": "x"}) == {"job_id": "1"}
    assert len({request.headers["idempotency-key"] for request in seen}) == 1
    assert len({request.content for request in seen}) == 1
    assert waits == [0.2, 2.0]


def test_reads_carry_no_key_and_two_changes_two() -> None:
    api, seen = connected(*(httpx.Response(200, json={}) for _ in range(3)))
    api.call("GET", "/sites")
    api.call("DELETE", "/sites/1")
    api.call("DELETE", "/sites/1")
    keys = [request.headers.get("idempotency-key") for request in seen]
    assert keys[0] is None
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [(409, {}, Failure), (429, {"Retry-After": "3600"}, Failure), (403, {}, NotAllowed), (500, {}, Failure)],
)
def test_other_refusals_are_told_at_once(
    status: int, headers: dict[str, str], kind: type[Failure], waits: list[float]
) -> None:
    api, seen = connected(httpx.Response(status, headers=headers, text="no JSON"))
    with pytest.raises(kind, match=str(status)) as caught:
        api.call("POST", "/sites")
    assert type(caught.value) is kind
    assert (len(seen), waits) == (1, [])


def test_a_silent_server_is_told_after_four_tries(waits: list[float]) -> None:
    api, seen = connected(*(httpx.ConnectError("refused") for _ in range(4)))
    with pytest.raises(Unreachable, match="refused"):
        api.call("GET", "/sites")
    assert (len(seen), len(waits)) == (4, 3)


def test_events_are_read_as_the_standard_says() -> None:
    lines = [
        "retry: 2000",
        "",
        ": comment",
        "",
        "id: 4",
        "event: job",
        'data: {"a":',
        "data: 1}",
        "",
        "data: 7",
        "",
    ]
    assert list(read_events(iter(lines))) == [("job", {"a": 1})]


@pytest.mark.requirement("S4-134")
def test_signatures_are_verified_as_standard_webhooks_does() -> None:
    from standardwebhooks import Webhook

    from writ.store.base import now

    secret, body, at = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"type": "job.completed"}', now()
    signature = Webhook(secret).sign("evt_1", at, body.decode())
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": f"v1,bm9uZQ== {signature}",
    }
    assert verify(secret, headers, body)
    assert not verify(secret, headers, body + b" ")
    assert not verify("whsec_bm90IHRoaXMgb25l", headers, body)
    assert not verify(secret, headers, body, at=at.timestamp() + 301)
    assert not verify(secret, {}, body)
    assert not verify("whsec_%%%", {**headers, "webhook-signature": "v2,x v1"}, body)
