"""Idempotency-Key, step by step: with handlers that answer, refuse, wait and break as the test says."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import insert

from tests.records.front import SITE, Front
from tests.records.test_once import KEY, code, is_replay
from writ.contract.errors import Refusal
from writ.gateway.call import Answer, Call
from writ.hosting.models import Site
from writ.records import once
from writ.records.once import KEPT_REFUSALS
from writ.store.base import new_id, now

pytestmark = pytest.mark.requirement("S1-34")
DONE = {"done": True}


def effect(call: Call) -> Answer:
    """Writes a row, then answers."""
    moment = now()
    values = {"id": new_id(), "name": "Shop", "slug": new_id().hex, "status": "active"}
    call.session.execute(insert(Site.__table__), values | {"created_at": moment, "updated_at": moment})
    return Answer(201, DONE)


def effect_then(error: Exception) -> Any:
    def handler(call: Call) -> Answer:
        effect(call)
        raise error

    return handler


def ask(front: Front, key: str = KEY) -> Any:
    return front.ask("POST", "/sites", key, json=SITE)


@pytest.mark.parametrize(
    ("refused", "answered"),
    [
        (Refusal("SITE_NOT_FOUND"), (404, "site_not_found")),
        (Refusal("SITE_NOT_ACTIVE"), (409, "site_not_active")),
        (RuntimeError("a bug"), (500, "internal_error")),
    ],
)
def test_a_refusal_of_the_order_is_kept(
    scripted: Front, refused: Exception, answered: tuple[int, str]
) -> None:
    scripted.answers = [effect_then(refused)]
    first, again = ask(scripted), ask(scripted)
    assert code(first) == code(again) == answered
    assert not is_replay(first)
    assert is_replay(again)
    assert again.body == first.body
    assert again.header("x-request-id") != first.header("x-request-id")
    assert (scripted.called, scripted.count(Site)) == (1, 0)


def test_no_refusal_of_the_caller_the_form_or_the_moment_is_kept(scripted: Front) -> None:
    codes = ("UNAUTHORIZED", "FORBIDDEN", "URL_NOT_ALLOWED", "RATE_LIMITED", "WP_CLI_ERROR")
    refused = [Refusal(name) for name in (*codes, "SERVICE_UNAVAILABLE")]
    assert not {error.spec.status for error in refused} & KEPT_REFUSALS
    scripted.answers = [effect_then(error) for error in refused] + [effect]
    for error in refused:
        got = ask(scripted)
        assert code(got) == (error.spec.status, error.code.lower())
        assert not is_replay(got)
    assert scripted.kept() == []
    assert ask(scripted).status == 201
    assert is_replay(ask(scripted))
    assert (scripted.called, scripted.count(Site)) == (len(refused) + 1, 1)


def test_what_is_refused_before_the_handler_is_not_kept(scripted: Front) -> None:
    scripted.answers = [effect]
    got = scripted.ask("POST", "/sites", KEY, json={"name": "Shop"})
    assert code(got) == (422, "validation_error")
    got = scripted.ask("POST", "/sites", KEY, by="writ_live_none", json=SITE)
    assert got.status == 401
    assert ask(scripted).status == 201


def test_the_answer_and_its_effect_are_committed_together_or_not_at_all(scripted: Front) -> None:
    scripted.answers = [effect, effect]
    recorder = scripted.services.recorder

    class Broken:
        def record_written(self, call: Call, reply: Any) -> None:
            raise RuntimeError("the disk is full")

        record = recorder.record

    scripted.services.recorder = Broken()
    assert code(ask(scripted)) == (500, "internal_error")
    assert (scripted.kept(), scripted.count(Site)) == ([], 0)
    scripted.services.recorder = recorder
    assert ask(scripted).status == 201
    assert (len(scripted.kept()), scripted.count(Site)) == (1, 1)


def test_a_handler_that_writes_nothing_is_called_once_too(scripted: Front) -> None:
    scripted.answers = [Answer(200, DONE)]
    assert ask(scripted).json == DONE
    assert is_replay(ask(scripted))
    assert scripted.called == 1


def test_cookies_and_streams_are_not_kept(scripted: Front) -> None:
    scripted.answers = [Answer(200, DONE, cookies=("a=b",))]
    assert ask(scripted).header("set-cookie") == "a=b"
    assert ask(scripted).header("set-cookie") is None
    scripted.answers = [Answer(200, stream=iter([b"one"])), Answer(200, stream=iter([b"two"]))]
    assert [ask(scripted, "other").body for _ in range(2)] == [b"one", b"two"]


def test_a_replay_has_the_limits_of_the_moment(scripted: Front) -> None:
    class Limits:
        left = 9

        def admit(self, call: Call) -> None:
            self.left -= 1
            call.trace.limits.append((b"x-ratelimit-remaining", str(self.left).encode()))

        def admit_stranger(self, trace: Any) -> None:
            raise AssertionError("the caller is known")

    scripted.services.limiter = Limits()
    scripted.answers = [effect]
    assert [ask(scripted).header("x-ratelimit-remaining") for _ in range(3)] == ["8", "7", "6"]


def test_while_the_first_runs_the_others_are_told_to_wait(scripted: Front) -> None:
    began, go_on = threading.Event(), threading.Event()
    got: list[Any] = []

    def slow(call: Call) -> Answer:
        began.set()
        assert go_on.wait(10)
        return effect(call)

    def second() -> None:
        # In a thread and through a door of its own, as the first one keeps this one's loop.
        assert began.wait(10)
        from tests.gateway.harness import Door

        door = Door(scripted.door.app)
        for slug in ("shop", "other"):
            headers = scripted.headers(KEY, None)
            got.append(door("POST", "/api/sites", json={**SITE, "slug": slug}, headers=headers))
        headers = scripted.headers("another", None)
        got.append(door("POST", "/api/sites", json=SITE, headers=headers))
        go_on.set()
        door.close()

    scripted.answers = [slow, Answer(201, DONE)]
    thread = threading.Thread(target=second)
    thread.start()
    first = ask(scripted)
    thread.join(10)
    assert first.status == 201
    for refused in got[:2]:
        assert code(refused) == (409, "idempotency_in_progress")
        assert refused.header("retry-after") == "1"
        assert not is_replay(refused)
    assert got[2].status == 201, "another key has nothing to wait for"
    again = ask(scripted)
    assert is_replay(again)
    assert again.body == first.body
    assert scripted.count(Site) == 1


@pytest.mark.parametrize("claims", ["with claims", "without claims"])
def test_twenty_at_once_have_one_effect(scripted: Front, claims: str) -> None:
    if claims == "without claims":
        # As when the connection that held them broke: the table alone must see to it.
        class Free:
            def take(self, number: int) -> bool:
                return True

            def give_back(self, number: int) -> None:
                pass

        scripted.services.once._claims = Free()  # type: ignore[attr-defined]
    scripted.answers = [effect] * 20
    found = scripted.together(*[("POST", "/sites", KEY, SITE)] * 20)
    first = [got for got in found if got.status == 201 and not is_replay(got)]
    assert len(first) == 1
    for got in found:
        if got is not first[0]:
            assert is_replay(got) or code(got) == (409, "idempotency_in_progress")
            assert not is_replay(got) or got.body == first[0].body
    assert scripted.count(Site) == 1
    assert len(scripted.kept()) == 1


def test_the_others_of_a_refusal_get_it_too(scripted: Front) -> None:
    class Free:
        def take(self, number: int) -> bool:
            return True

        def give_back(self, number: int) -> None:
            pass

    scripted.services.once._claims = Free()  # type: ignore[attr-defined]
    scripted.answers = [effect_then(Refusal("SITE_NOT_FOUND"))] * 8
    found = scripted.together(*[("POST", "/sites", KEY, SITE)] * 8)
    assert {code(got) for got in found} == {(404, "site_not_found")}
    assert len({got.body for got in found}) == 1
    assert len([got for got in found if not is_replay(got)]) == 1


def test_a_request_without_a_key_costs_nothing_and_one_with_a_key_a_select_and_an_insert(
    scripted: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def noted(function: Any) -> Any:
        def note(*arguments: Any) -> Any:
            done.append(function.__name__)
            return function(*arguments)

        return note

    for name in ("find_kept", "write_kept", "fingerprint_of"):
        monkeypatch.setattr(f"writ.records.once.{name}", noted(getattr(once, name)))
    scripted.answers = [effect, effect]
    assert scripted.ask("POST", "/sites", json=SITE).status == 201
    assert done == []
    assert ask(scripted).status == 201
    assert done == ["fingerprint_of", "find_kept", "write_kept"]
    done.clear()
    assert is_replay(ask(scripted))
    assert done == ["fingerprint_of", "find_kept"]
