"""Idempotency-Key: what is repeated is done once and answered the same; all else is not a repetition."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from tests.records.front import Front
from writ.access.models import ApiKey
from writ.hosting.models import Site, Upload
from writ.jobs.models import Job
from writ.records.kept import KeptAnswer, purge_kept
from writ.records.sameness import read_key
from writ.store.base import now
from writ.store.secrets import Sealer

pytestmark = pytest.mark.requirement("S1-34")
KEY = "5f0f8a7e-3c1e-4c38-9a55-0d5c8f6f2b11"


def is_replay(got: Any) -> bool:
    assert got.header("idempotent-replayed") in (None, "true")
    return got.header("idempotent-replayed") is not None


def code(got: Any) -> tuple[int, str]:
    return got.status, got.json["code"]


def names(got: Any) -> list[str]:
    return sorted(name for name, _ in got.headers)


def kept_headers(got: Any) -> list[tuple[str, str]]:
    """What a repetition has to have as well."""
    own = ("x-request-id", "idempotent-replayed", "x-ratelimit-", "ratelimit")
    return sorted(header for header in got.headers if not header[0].startswith(own))


def test_a_repetition_gets_the_first_answer_and_does_nothing(front: Front) -> None:
    first, second = front.order_site(KEY), front.order_site(KEY)
    assert first.status == 202
    assert not is_replay(first)
    assert is_replay(second)
    assert (second.status, second.body) == (first.status, first.body)
    assert kept_headers(second) == kept_headers(first)
    # A repetition is a request: it is counted, and has the figures of now.
    assert names(second) == sorted([*names(first), "idempotent-replayed"])
    assert int(second.header("x-ratelimit-remaining")) < int(first.header("x-ratelimit-remaining"))
    assert second.header("location") == f"/api/jobs/{first.json['job_id']}"
    assert second.header("x-request-id") != first.header("x-request-id")
    assert (front.count(Site), front.count(Job)) == (1, 1)
    (row,) = front.kept()
    assert str(row.job_id) == first.json["job_id"]
    assert (row.operation, row.status) == ("create_site", 202)
    assert timedelta(hours=23) < row.expires_at - now() < timedelta(hours=25)


def test_a_key_may_have_255_characters(front: Front) -> None:
    for length in (1, 255):
        assert not is_replay(front.order_site("k" * length, slug=f"shop-{length}"))
        assert is_replay(front.order_site("k" * length, slug=f"shop-{length}"))


def test_another_key_is_refused_by_its_name(front: Front) -> None:
    wrong = ("k" * 256, "", "two words", "k\xe4se", '"unended', '"a"b', '"', '""', "tab\tbed", '"a\\n"')
    for text in wrong:
        got = front.order_site(text)
        assert code(got) == (422, "validation_error"), text
        assert {e["field"] for e in got.json["errors"]} == {"/header/idempotency-key"}
    assert (front.count(Site), front.kept()) == (0, [])


def test_a_key_that_is_given_twice_is_refused(front: Front) -> None:
    lines = [("Cookie", front.cookie), ("Idempotency-Key", "one"), ("Idempotency-Key", "two")]
    got = front.door("POST", "/api/sites", json={"name": "Shop", "slug": "shop"}, headers=lines)
    assert code(got) == (422, "validation_error")


@pytest.mark.parametrize(
    ("text", "key"),
    [("bare", "bare"), ('"bare"', "bare"), (r'"a \"b\" \\"', 'a "b" \\'), ('a"b', 'a"b'), (r"a\\b", r"a\\b")],
)
def test_quoted_and_bare_are_the_same_key(text: str, key: str) -> None:
    assert read_key(text) == key


def test_a_quoted_repetition_is_one(front: Front) -> None:
    front.order_site(KEY)
    assert is_replay(front.order_site(f'"{KEY}"'))


def test_another_request_under_the_same_key_is_refused(front: Front) -> None:
    site = front.order_site(KEY)
    others = [
        front.order_site(KEY, slug="other"),
        front.ask("POST", "/v1/api-keys", KEY, json={"key_name": "Script", "scopes": ["jobs.read"]}),
        front.ask("POST", "/sites", KEY, body=b'{"name": "Shop",  "slug": "shop"}', type="application/json"),
        front.ask("POST", f"/jobs/{site.json['job_id']}/cancel", KEY),
    ]
    for got in others:
        assert code(got) == (422, "idempotency_key_reused")
        assert [e["field"] for e in got.json["errors"]] == ["/header/idempotency-key"]
    assert (front.count(Site), front.count(Job), front.count(ApiKey)) == (1, 1, 0)
    assert is_replay(front.order_site(KEY))


def test_callers_do_not_meet(front: Front) -> None:
    one, two = (front.new_key(name=name).json["api_key"] for name in ("One", "Two"))
    made = [front.new_key(KEY, by) for by in (one, two, None)]
    assert [got.status for got in made] == [201, 201, 201]
    assert len({got.json["id"] for got in made}) == 3
    assert not any(map(is_replay, made))
    for by, first in zip((one, two, None), made, strict=True):
        again = front.new_key(KEY, by)
        assert is_replay(again)
        assert again.body == first.body


def test_a_user_has_their_answers_in_every_session(front: Front) -> None:
    first = front.order_site(KEY)
    front.cookie = front.log_in()
    again = front.order_site(KEY)
    assert is_replay(again)
    assert again.body == first.body


def test_a_revoked_key_replays_nothing(front: Front) -> None:
    made = front.new_key()
    by = made.json["api_key"]
    assert front.order_site(KEY, by=by).status == 202
    assert is_replay(front.order_site(KEY, by=by))
    assert front.ask("POST", f"/v1/api-keys/{made.json['id']}/revoke").status == 200
    got = front.order_site(KEY, by=by)
    assert code(got) == (401, "api_key_revoked")
    assert not is_replay(got)


def test_what_shows_a_secret_is_replayed_and_kept_sealed(front: Front) -> None:
    first, again = front.new_key(KEY), front.new_key(KEY)
    assert first.status == 201
    assert is_replay(again)
    assert again.json["api_key"] == first.json["api_key"]
    assert front.count(ApiKey) == 1
    (row,) = front.kept()
    secret = first.json["api_key"].encode()
    assert secret not in repr(tuple(row)).encode()
    assert secret not in bytes(row.sealed)
    assert KEY not in repr(tuple(row))


def test_an_answer_under_another_secret_key_is_not_given_and_nothing_is_done_again(front: Front) -> None:
    front.order_site(KEY)
    front.services.once._sealer = Sealer(b"another key" * 3)  # type: ignore[attr-defined]
    assert code(front.order_site(KEY)) == (503, "service_unavailable")
    assert front.count(Site) == 1


def test_an_upload_is_known_by_its_bytes(front: Front) -> None:
    first, again, other = (
        front.ask("POST", "/uploads", KEY, body=body, type="application/zip")
        for body in (b"PK one", b"PK one", b"PK two")
    )
    assert first.status == 201
    assert is_replay(again)
    assert again.body == first.body
    assert code(other) == (422, "idempotency_key_reused")
    assert front.count(Upload) == 1
    root = front.services.settings.files_root
    assert len(list((root / "uploads").iterdir())) == 1
    assert not list((root / "spool").iterdir())


def test_a_request_without_a_key_leaves_no_record(front: Front) -> None:
    assert front.order_site().status == 202
    assert front.ask("GET", "/sites", KEY).status == 200
    assert front.kept() == []


def test_a_login_is_never_replayed(front: Front) -> None:
    credentials = {"email": "admin@example.com", "password": "correct-horse-battery"}
    cookies = set()
    for _ in range(2):
        got = front.door("POST", "/api/login", json=credentials, headers={"Idempotency-Key": KEY})
        assert got.status == 200
        assert not is_replay(got)
        cookies.add(got.header("set-cookie"))
    assert len(cookies) == 2
    assert front.kept() == []


def test_a_record_whose_time_is_over_counts_no_more(front: Front) -> None:
    front.order_site(KEY)
    with front.services.store.begin() as session:
        session.execute(update(KeptAnswer).values(expires_at=now() - timedelta(seconds=1)))
    got = front.order_site(KEY, slug="other")
    assert got.status == 202
    assert not is_replay(got)
    assert front.count(Site) == 2
    (row,) = front.kept()
    assert str(row.job_id) == got.json["job_id"]
    assert is_replay(front.order_site(KEY, slug="other"))


def test_records_are_purged_in_batches_when_their_time_is_over(front: Front) -> None:
    for number in range(5):
        front.order_site(f"key-{number}", slug=f"shop-{number}")
    store = front.services.store
    assert purge_kept(store) == 0
    jobs = [row.job_id for row in front.kept()][:4]
    with store.begin() as session:
        session.execute(
            update(KeptAnswer)
            .where(KeptAnswer.job_id.in_(jobs))
            .values(expires_at=now() - timedelta(seconds=1))
        )
    assert [purge_kept(store, limit=3) for _ in range(3)] == [3, 1, 0]
    assert len(front.kept()) == 1


def test_a_process_purges_as_it_keeps(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("writ.records.once.PURGE_EVERY", 3)
    for number in range(2):
        front.order_site(f"key-{number}", slug=f"shop-{number}")
    with front.services.store.begin() as session:
        session.execute(update(KeptAnswer).values(expires_at=now() - timedelta(seconds=1)))
    assert len(front.kept()) == 2
    third = front.order_site("key-2", slug="shop-2")
    assert [str(row.job_id) for row in front.kept()] == [third.json["job_id"]]
