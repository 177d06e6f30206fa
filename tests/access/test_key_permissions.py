"""What keys are confined to, and that nobody gives more than they have; and the secrets of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from writ_contract.operations import OPERATIONS

from tests.access.conftest import Clock
from tests.access.finding import find
from writ.access import key_permissions, key_reading, key_rules, key_secrets, projects
from writ.access.models import DEFAULT_ORGANIZATION_ID, ApiKey, User
from writ.access.roles import EVERY, KNOWN_SCOPES, SCOPES_OF_ROLE
from writ.contract.errors import Refusal
from writ.gateway.call import Actor
from writ.store.secrets import SealBroken, Sealer
from writ.store.work import Store

SEALER = Sealer(b"k" * 32)
SHOP, BLOG, FORUM, UNKNOWN = (str(UUID(int=at)) for at in (501, 502, 503, 599))
DELETE_SITE = "DELETE /sites/{id}"
QUERY = {"limit": 2, "sort": "created_at"}


@pytest.fixture(autouse=True)
def _sites() -> Iterator[None]:
    known = frozenset(map(UUID, (SHOP, BLOG, FORUM)))
    projects.use(lambda _session, organization, ids: ids & known if organization.int == 1 else frozenset())
    yield
    projects.use(None)


@pytest.fixture
def owner(ada: User) -> Actor:
    return Actor(
        ada.id,
        "session",
        ada.email,
        "owner",
        SCOPES_OF_ROLE["owner"],
        organization_id=DEFAULT_ORGANIZATION_ID,
    )


def make(store: Store, actor: Actor, **body: Any) -> key_rules.Shown:
    with store.begin() as session:
        return key_rules.create_key(session, SEALER, actor, {"key_name": "K", **body})


def actor_of(store: Store, shown: key_rules.Shown) -> Actor:
    return find(store, shown.api_key)


def refused(store: Store, code: str, attempt: Callable[[Session], object]) -> Refusal:
    with pytest.raises(Refusal) as refusal, store.begin() as session:
        attempt(session)
    assert refusal.value.code == code, refusal.value
    return refusal.value


def listed(store: Store, actor: Actor) -> list[UUID]:
    found: list[UUID] = []
    query: dict[str, Any] | None = QUERY
    while query is not None:
        with store.read() as connection:
            page = key_reading.read_keys(connection, actor, query)
        found += [key["id"] for key in page["data"]]
        cursor = page["pagination"]["next_cursor"]
        query = {**QUERY, "cursor": cursor} if cursor else None
    return found


def row_of(store: Store, key_id: UUID) -> Any:
    with store.read() as connection:
        return connection.execute(select(ApiKey.__table__).where(ApiKey.id == key_id)).one()


@pytest.mark.requirement("S1-48", "S3-20", "S3-21", "S1-60")
def test_what_was_set_is_what_the_caller_is(store: Store, owner: Actor) -> None:
    limits = {"read_per_minute": 100, "write_per_minute": 20, "per_hour": 7, "burst": 3}
    shown = make(
        store,
        owner,
        preset="project-specific",
        projects=[BLOG, SHOP, BLOG],
        endpoints={DELETE_SITE: False, "GET /sites": True},
        key_type="premium",
        rate_limits=limits,
        require_signature=True,
    )
    actor = actor_of(store, shown)
    assert actor.projects == {UUID(SHOP), UUID(BLOG)}
    assert (actor.tier, actor.rate_limits) == ("premium", limits)
    assert (actor.forbidden, actor.must_sign) == ({DELETE_SITE}, True)
    assert actor.scopes == {s for s in KNOWN_SCOPES if s.startswith(("hosting.", "jobs."))}
    row = row_of(store, shown.id)
    assert row.permissions == {
        "scopes": sorted(actor.scopes),
        "projects": [SHOP, BLOG],
        "endpoints": {DELETE_SITE: False, "GET /sites": True},
    }
    assert row.rate_limit_per_hour == 7
    with store.read() as connection:
        key = key_reading.read_key_row(connection, owner, shown.id)
    assert (key["projects"], key["endpoints"]) == ([SHOP, BLOG], row.permissions["endpoints"])
    assert (key["rate_limits"], key["rate_limit_per_hour"], key["require_signature"]) == (limits, 7, True)
    with store.begin() as session:
        key_rules.replace_key(session, owner, shown.id, {"key_name": "K"})
    bare = actor_of(store, shown)
    assert (bare.projects, bare.forbidden, bare.must_sign, bare.rate_limits) == (None, frozenset(), False, {})


@pytest.mark.requirement("S3-19", "S3-21")
@pytest.mark.parametrize(("tier", "hourly"), [("standard", 1000), ("premium", 5000), ("enterprise", 50000)])
def test_the_tier_decides_what_the_key_does_not(store: Store, owner: Actor, tier: str, hourly: int) -> None:
    shown = make(store, owner, key_type=tier, rate_limits={"burst": 5})
    assert row_of(store, shown.id).rate_limit_per_hour == hourly
    assert actor_of(store, shown).tier == tier


@pytest.mark.requirement("S1-48")
@pytest.mark.parametrize("given", [{}, {"projects": None}, {"projects": []}])
def test_a_project_specific_key_needs_projects(store: Store, owner: Actor, given: dict[str, Any]) -> None:
    body = {"key_name": "K", "preset": "project-specific", **given}
    refusal = refused(store, "VALIDATION_ERROR", lambda s: key_rules.create_key(s, SEALER, owner, body))
    assert [error.field for error in refusal.errors] == ["/body/projects"]


def test_unknown_projects_and_endpoints_are_named(store: Store, owner: Actor) -> None:
    def attempt(actor: Actor, **body: Any) -> Callable[[Session], object]:
        return lambda s: key_rules.create_key(s, SEALER, actor, {"key_name": "K", **body})

    refusal = refused(store, "PROJECT_UNKNOWN", attempt(owner, projects=[SHOP, UNKNOWN, BLOG]))
    assert [error.field for error in refusal.errors] == ["/body/projects/1"]
    refusal = refused(store, "ENDPOINT_UNKNOWN", attempt(owner, endpoints={"GET /nowhere": False}))
    assert [error.field for error in refusal.errors] == ["/body/endpoints/GET ~1nowhere"]
    for name in ("get /sites", "GET /api/sites", "GET /sites/", "*", ""):
        refused(store, "ENDPOINT_UNKNOWN", attempt(owner, endpoints={name: True}))
    stranger = replace(owner, organization_id=UUID(int=99))
    refused(store, "PROJECT_UNKNOWN", attempt(stranger, projects=[SHOP]))
    projects.use(None)
    refused(store, "PROJECT_UNKNOWN", attempt(owner, projects=[SHOP]))
    assert len(key_permissions.ENDPOINTS) == len(OPERATIONS)


def test_a_confined_key_makes_only_keys_of_its_projects(store: Store, owner: Actor) -> None:
    scopes = ["keys.read", "keys.write", "hosting.read"]
    clerk = actor_of(store, make(store, owner, scopes=scopes, projects=[SHOP, BLOG]))
    narrow = make(store, clerk, scopes=["hosting.read"], projects=[SHOP])
    assert actor_of(store, narrow).projects == {UUID(SHOP)}

    def create(**body: Any) -> Callable[[Session], object]:
        return lambda s: key_rules.create_key(s, SEALER, clerk, {"key_name": "K", **body})

    for body in ({}, {"projects": None}, {"scopes": ["hosting.read"]}):
        refusal = refused(store, "VALIDATION_ERROR", create(**body))
        assert refusal.errors[0].field == "/body/projects"
    refusal = refused(store, "PROJECT_UNKNOWN", create(projects=[SHOP, FORUM]))
    assert refusal.errors[0].field == "/body/projects/1"
    # Another project is as unknown as one that there is not.
    assert str(refusal) == str(refused(store, "PROJECT_UNKNOWN", create(projects=[SHOP, UNKNOWN])))
    refused(
        store,
        "VALIDATION_ERROR",
        lambda s: key_rules.replace_key(s, clerk, narrow.id, {"key_name": "K"}),
    )
    refused(
        store,
        "PROJECT_UNKNOWN",
        lambda s: key_rules.replace_key(s, clerk, narrow.id, {"key_name": "K", "projects": [FORUM]}),
    )
    assert actor_of(store, narrow).projects == {UUID(SHOP)}


def test_a_confined_key_sees_only_keys_of_its_projects(store: Store, owner: Actor) -> None:
    own = make(store, owner, scopes=["keys.read", "keys.write"], projects=[SHOP, BLOG])
    shop = make(store, owner, projects=[SHOP])
    wide = make(store, owner, projects=[SHOP, FORUM])
    forum = make(store, owner, projects=[FORUM])
    free = make(store, owner)
    blog = make(store, owner, projects=[BLOG])
    clerk = actor_of(store, own)
    assert listed(store, clerk) == [own.id, shop.id, blog.id]
    assert listed(store, owner) == [key.id for key in (own, shop, wide, forum, free, blog)]
    for hidden in (wide, forum, free):
        for attempt in (
            lambda s, key=hidden: key_reading.read_key_row(s, clerk, key.id),
            lambda s, key=hidden: key_rules.replace_key(
                s, clerk, key.id, {"key_name": "K", "projects": [SHOP]}
            ),
            lambda s, key=hidden: key_rules.regenerate_key(s, SEALER, clerk, key.id, 0),
            lambda s, key=hidden: key_rules.revoke_key(s, clerk, key.id),
            lambda s, key=hidden: key_rules.delete_key(s, clerk, key.id),
        ):
            refused(store, "API_KEY_NOT_FOUND", attempt)
    for seen in (own, shop, blog):
        with store.begin() as session:
            assert key_reading.read_key_row(session, clerk, seen.id)["id"] == seen.id
    with store.begin() as session:
        key_rules.revoke_key(session, clerk, blog.id)
    assert not row_of(store, blog.id).is_active


@pytest.mark.requirement("S3-146")
def test_nobody_gives_an_endpoint_that_they_may_not_call(store: Store, owner: Actor) -> None:
    limited = {"scopes": ["keys.write", "hosting.write"], "endpoints": {DELETE_SITE: False}}
    clerk = actor_of(store, make(store, owner, **limited))
    free = make(store, owner, scopes=["hosting.write"])
    for attempt in (
        lambda s: key_rules.create_key(s, SEALER, clerk, {"key_name": "K", "scopes": ["hosting.write"]}),
        lambda s: key_rules.create_key(s, SEALER, clerk, {"key_name": "K", "endpoints": {DELETE_SITE: True}}),
        lambda s: key_rules.regenerate_key(s, SEALER, clerk, free.id, 0),
        lambda s: key_rules.replace_key(s, clerk, free.id, {"key_name": "K", **limited}),
    ):
        refusal = refused(store, "FORBIDDEN", attempt)
        assert DELETE_SITE in refusal.message
    assert actor_of(store, make(store, clerk, **limited)).forbidden == {DELETE_SITE}


@pytest.mark.requirement("S1-49")
def test_every_scope_is_given_only_by_whoever_has_it(
    store: Store, owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = make(store, owner, preset="full", scopes=["jobs.read"])
    assert row_of(store, full.id).permissions == {"scopes": [EVERY]}
    assert make(store, owner, scopes=[EVERY])
    of_full = actor_of(store, full)
    assert of_full.scopes == KNOWN_SCOPES | {EVERY}
    assert actor_of(store, make(store, of_full, preset="full")).scopes == of_full.scopes
    # One with all scopes of today by name would give those of tomorrow.
    named = actor_of(store, make(store, owner, scopes=sorted(KNOWN_SCOPES)))
    assert named.scopes == KNOWN_SCOPES
    body = {"key_name": "K", "preset": "full"}
    refused(store, "AUTH_SCOPE_MISSING", lambda s: key_rules.create_key(s, SEALER, named, body))
    refused(store, "AUTH_SCOPE_MISSING", lambda s: key_rules.regenerate_key(s, SEALER, named, full.id, 0))
    monkeypatch.setitem(SCOPES_OF_ROLE, "owner", KNOWN_SCOPES | {"later.read"})
    assert "later.read" in actor_of(store, full).scopes


def test_an_application_by_itself_makes_no_keys(store: Store, owner: Actor) -> None:
    key = make(store, owner, scopes=["hosting.read"])
    scopes = frozenset(["keys.write", "hosting.read"])
    application = replace(owner, kind="application", role="application", scopes=scopes)
    for attempt in (
        lambda s: key_rules.create_key(s, SEALER, application, {"key_name": "K", "scopes": ["hosting.read"]}),
        lambda s: key_rules.create_key(s, SEALER, application, {"key_name": "K", "preset": "full"}),
        lambda s: key_rules.replace_key(s, application, key.id, {"key_name": "K"}),
        lambda s: key_rules.regenerate_key(s, SEALER, application, key.id, 0),
    ):
        refused(store, "FORBIDDEN", attempt)
    with store.begin() as session:
        key_rules.revoke_key(session, application, key.id)
    assert not row_of(store, key.id).is_active


@pytest.mark.requirement("S3-18", "S0-40")
def test_a_secret_is_sealed_and_its_predecessor_good_in_its_grace(
    store: Store, owner: Actor, clock: Clock
) -> None:
    first = make(store, owner)
    row = row_of(store, first.id)
    assert first.api_secret.startswith("writ_secret_")
    assert len(row.api_secret) <= 128
    assert first.api_secret not in str(row)

    def good() -> list[str]:
        with store.read() as connection:
            return key_secrets.good_secrets(connection, SEALER, first.id)

    def regenerate(grace: int) -> key_rules.Shown:
        with store.begin() as session:
            return key_rules.regenerate_key(session, SEALER, owner, first.id, grace)

    assert good() == [first.api_secret]
    second = regenerate(60)
    assert good() == [second.api_secret, first.api_secret]
    with store.read() as connection:
        assert key_rules.secret_of(connection, SEALER, first.id) == second.api_secret
        assert key_rules.secret_of(connection, SEALER, UUID(int=5)) is None
        assert key_secrets.good_secrets(connection, SEALER, UUID(int=5)) == []
    clock.forward(timedelta(seconds=60))
    assert good() == [second.api_secret]
    third = regenerate(0)
    assert good() == [third.api_secret]


def test_a_secret_of_another_row_or_server_key_does_not_open(store: Store, owner: Actor) -> None:
    one, other = make(store, owner), make(store, owner)
    with store.begin() as session:
        stolen = row_of(store, one.id).api_secret
        session.execute(update(ApiKey).where(ApiKey.id == other.id).values(api_secret=stolen))
    with store.read() as connection:
        assert key_secrets.good_secrets(connection, SEALER, other.id) == []
        with pytest.raises(SealBroken):
            key_rules.secret_of(connection, SEALER, other.id)
        assert key_secrets.good_secrets(connection, Sealer(b"x" * 32), one.id) == []


def test_a_key_from_before_secrets_gets_one_when_it_is_regenerated(store: Store, owner: Actor) -> None:
    old = make(store, owner)
    with store.begin() as session:
        session.execute(update(ApiKey).where(ApiKey.id == old.id).values(api_secret=None))
    refusal = refused(
        store,
        "VALIDATION_ERROR",
        lambda s: key_rules.replace_key(s, owner, old.id, {"key_name": "K", "require_signature": True}),
    )
    assert refusal.errors[0].field == "/body/require_signature"
    with store.begin() as session:
        new = key_rules.regenerate_key(session, SEALER, owner, old.id, 3600)
        key_rules.replace_key(session, owner, old.id, {"key_name": "K", "require_signature": True})
    with store.read() as connection:
        assert key_secrets.good_secrets(connection, SEALER, old.id) == [new.api_secret]
    assert actor_of(store, old).must_sign, "the key before it has no secret; its requests cannot be signed"
