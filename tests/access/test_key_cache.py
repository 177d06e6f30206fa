"""Keys that processes remember: never believed once the key, or the user it is of, has changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from redis import Redis
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.access.finding import HERE, Asking, NoUse
from tests.support.redis import RedisServer, free_port
from writ.access import key_cache, key_marks, key_rules, user_rules
from writ.access.key_cache import KeyCache
from writ.access.models import DEFAULT_ORGANIZATION_ID, ApiKey, User
from writ.access.roles import SCOPES_OF_ROLE
from writ.contract.errors import Refusal
from writ.gateway.call import Actor
from writ.gateway.limits.limiter import UNKNOWN
from writ.store.secrets import Sealer
from writ.store.work import Store

SEALER = Sealer(b"k" * 32)
MARK = key_marks.mark_of(DEFAULT_ORGANIZATION_ID)


@pytest.fixture
def redis(store: Store, redis_server: RedisServer) -> Iterator[Redis]:
    client: Redis = Redis.from_url(redis_server.url)
    client.delete(MARK)
    key_marks.use(store, client)
    yield client
    client.close()


@pytest.fixture
def owner(ada: User) -> Actor:
    scopes = SCOPES_OF_ROLE["owner"]
    return Actor(ada.id, "session", ada.email, "owner", scopes, organization_id=DEFAULT_ORGANIZATION_ID)


class Process:
    """A server process as far as its keys go."""

    def __init__(self, store: Store) -> None:
        self.store, self.cache = store, KeyCache(use=NoUse())

    def ask(self, text: str, mark: Callable[[], Any], *, signed: bool = False, address: str = HERE) -> Actor:
        """One request: authenticate, then the round trip of the limits."""
        with self.store.read() as connection:
            call: Any = Asking(self.store, connection, address)
            call.headers = {"signature": "x"} if signed else {}
            call.actor = self.cache.find(call, text)
            self.cache.seen(call, mark())
            actor: Actor = call.actor
            return actor

    def remembers(self, text: str) -> bool:
        """Whether the key is found without the database."""
        call: Any = Asking(self.store, None)
        try:
            self.cache.find(call, text)
        except AttributeError:
            return False
        return True


def create(store: Store, owner: Actor, **body: Any) -> tuple[UUID, str]:
    with store.begin() as session:
        shown = key_rules.create_key(session, SEALER, owner, {"key_name": "K", **body})
    return shown.id, shown.api_key


Change = Callable[[Session, Actor, UUID], object]


def _user(session: Session, key_id: UUID) -> User:
    wanted = select(User).join(ApiKey, ApiKey.created_by == User.id).where(ApiKey.id == key_id)
    return session.scalars(wanted).one()


def _demote(session: Session, _actor: Actor, key_id: UUID) -> None:
    _user(session, key_id).role = "viewer"


def _end_user(session: Session, _actor: Actor, key_id: UUID) -> None:
    _user(session, key_id).status = "inactive"


def _demand_signature(session: Session, _actor: Actor, key_id: UUID) -> None:
    session.get_one(ApiKey, key_id).require_signature = True


CHANGES: dict[str, tuple[Change, str]] = {
    "revoked": (lambda s, a, k: key_rules.revoke_key(s, a, k), "API_KEY_REVOKED"),
    "deleted": (lambda s, a, k: key_rules.delete_key(s, a, k), "API_KEY_INVALID"),
    "regenerated": (lambda s, a, k: key_rules.regenerate_key(s, SEALER, a, k, 0), "API_KEY_EXPIRED"),
    "narrowed": (lambda s, a, k: key_rules.replace_key(s, a, k, {"key_name": "Less"}), ""),
    "demoted": (_demote, ""),
    "user ended": (_end_user, "API_KEY_REVOKED"),
    "to be signed": (_demand_signature, "SIGNATURE_REQUIRED"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.requirement("S3-23")
def test_a_change_holds_at_the_next_request(store: Store, owner: Actor, redis: Redis, change: str) -> None:
    key_id, text = create(store, owner, scopes=["jobs.read", "hosting.deploy"])
    processes = [Process(store), Process(store)]

    def mark() -> Any:
        return redis.get(MARK)

    for process in processes:
        assert "hosting.deploy" in process.ask(text, mark).scopes
        assert process.remembers(text)
    make, code = CHANGES[change]
    with store.begin() as session:
        make(session, owner, key_id)
    for process in processes:
        if code:
            with pytest.raises(Refusal) as refusal:
                process.ask(text, mark)
            assert refusal.value.code == code
        else:
            assert "hosting.deploy" not in process.ask(text, mark).scopes
        assert not process.remembers(text), "while the mark is there nothing is remembered"
    kept = redis.ttl(MARK)
    assert key_marks.REMEMBERED_SECONDS < kept <= 15  # type: ignore[operator]


def test_a_signed_request_is_not_verified_twice(store: Store, owner: Actor, redis: Redis) -> None:
    key_id, text = create(store, owner, scopes=["jobs.read"])
    process = Process(store)
    process.ask(text, lambda: None)
    with store.begin() as session:
        _demand_signature(session, owner, key_id)
    assert process.ask(text, lambda: redis.get(MARK), signed=True).must_sign


def test_what_is_read_while_a_change_is_committed_is_not_remembered(
    store: Store, owner: Actor, redis: Redis
) -> None:
    key_id, text = create(store, owner)
    process = Process(store)
    with store.begin() as session:
        key_rules.revoke_key(session, owner, key_id)
        session.flush()
        key_marks._mark(session)
        if not store.url.startswith("sqlite"):
            # Another connection still sees the key as it was.
            assert process.ask(text, lambda: redis.get(MARK)).key_id == key_id
            assert not process.remembers(text)
        session.rollback()
    assert process.ask(text, lambda: None).key_id == key_id, "what is rolled back has not happened"
    assert process.remembers(text)


def test_without_redis_keys_are_looked_up(store: Store, owner: Actor) -> None:
    key_id, text = create(store, owner)
    process = Process(store)
    process.ask(text, lambda: None)
    assert process.remembers(text)
    with store.begin() as session:
        key_rules.revoke_key(session, owner, key_id)
    with pytest.raises(Refusal, match="API_KEY_REVOKED"):
        process.ask(text, lambda: UNKNOWN)


def test_a_change_that_cannot_be_marked_waits_until_all_is_forgotten(
    store: Store, owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_marks, "REMEMBERED_SECONDS", 0.5)
    key_id, text = create(store, owner)
    process = Process(store)
    process.cache = KeyCache(0.5, NoUse())
    process.ask(text, lambda: None)
    key_marks.use(store, Redis(port=free_port(), socket_connect_timeout=0.2))
    began = time.monotonic()
    with store.begin() as session:
        key_rules.revoke_key(session, owner, key_id)
    assert time.monotonic() - began >= 0.5
    # A Redis that came back empty has no mark.
    with pytest.raises(Refusal, match="API_KEY_REVOKED"):
        process.ask(text, lambda: None)


def test_what_is_refused_from_memory_is_looked_up_first(store: Store, owner: Actor, redis: Redis) -> None:
    key_id, text = create(store, owner, ip_allowlist=[f"{HERE}/32"])
    process = Process(store)
    process.ask(text, lambda: redis.get(MARK))
    assert process.remembers(text)
    with pytest.raises(Refusal, match="ADDRESS_NOT_ALLOWED"):
        process.ask(text, lambda: redis.get(MARK), address="198.51.100.7")
    with store.begin() as session:
        session.get_one(ApiKey, key_id).ip_allowlist = ["198.51.100.0/24"]
    assert process.ask(text, lambda: redis.get(MARK), address="198.51.100.7").key_id == key_id
    with pytest.raises(Refusal, match="ADDRESS_NOT_ALLOWED"):
        process.ask(text, lambda: redis.get(MARK))


def test_what_changes_no_key_makes_no_mark(store: Store, owner: Actor, redis: Redis) -> None:
    create(store, owner)
    with store.begin() as session:
        user_rules.create_user(
            session, owner, {"email": "new@example.com", "role": "viewer", "password": "x"}, "hash"
        )
    assert redis.get(MARK) is None


def test_few_keys_are_remembered_and_no_secret(
    store: Store, owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_cache, "MOST_KEYS", 2)
    texts = [create(store, owner)[1] for _ in range(3)]
    process = Process(store)
    for text in texts:
        process.ask(text, lambda: None)
    assert [process.remembers(text) for text in texts] == [False, True, True]
    assert not [text for text in texts if text in repr(process.cache.__dict__)]
