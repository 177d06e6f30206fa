from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tests.access.conftest import Clock
from tests.access.finding import HERE, Asking, NoUse, find
from tests.conformance.contract import CONTRACT
from writ.access import key_reading, key_rules, key_text, key_use, projects
from writ.access.key_cache import KeyCache
from writ.access.models import DEFAULT_ORGANIZATION_ID, ApiKey, Organization, User
from writ.access.roles import EVERY, KNOWN_SCOPES, SCOPES_OF_PRESET, SCOPES_OF_ROLE
from writ.contract.errors import Refusal
from writ.gateway.call import Actor
from writ.store.secrets import Sealer
from writ.store.work import Store

SEALER = Sealer(b"k" * 32)
SITES = [UUID(int=at) for at in (501, 502, 503)]


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


@pytest.fixture(autouse=True)
def _sites() -> Iterator[None]:
    """Three sites, which are the default organization's."""

    def known(session: Any, organization: UUID, ids: frozenset[UUID]) -> frozenset[UUID]:
        return ids & frozenset(SITES) if organization == DEFAULT_ORGANIZATION_ID else frozenset()

    projects.use(known)
    yield
    projects.use(None)


def create(store: Store, actor: Actor, **body: Any) -> tuple[UUID, str]:
    with store.begin() as session:
        shown = key_rules.create_key(session, SEALER, actor, {"key_name": "K", **body})
    return shown.id, shown.api_key


def code_of(store: Store, text: str, address: str = HERE) -> str:
    with pytest.raises(Refusal) as refusal:
        find(store, text, address)
    assert text not in f"{refusal.value!r} {refusal.value.details}"
    return refusal.value.code


def row_of(store: Store, key_id: UUID) -> Any:
    with store.read() as connection:
        return connection.execute(select(ApiKey.__table__).where(ApiKey.id == key_id)).one()


@given(st.uuids(), st.sampled_from(["live", "test"]))
def test_a_key_is_read_as_it_was_made(key_id: UUID, mode: str) -> None:
    text = key_text.make_key(key_id, mode)
    read = key_text.read_key(text)
    assert read is not None
    assert (read.id, read.sha256) == (key_id, key_text.hash_key(text))
    assert text.startswith(key_text.visible_prefix(key_id, mode))
    assert re.fullmatch(
        CONTRACT["components"]["schemas"]["ShownApiKey"]["properties"]["api_key"]["pattern"], text
    )
    assert text != key_text.make_key(key_id, mode)


@given(st.data())
def test_a_mistyped_key_is_none(data: st.DataObject) -> None:
    text = key_text.make_key(UUID(int=data.draw(st.integers(0, (1 << 128) - 1))), "live")
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters().filter(lambda c: c != text[at]))
    assert key_text.read_key(text[:at] + other + text[at + 1 :]) is None
    if at and text[at] != text[at - 1]:
        assert key_text.read_key(text[: at - 1] + text[at] + text[at - 1] + text[at + 1 :]) is None


@given(st.text())
def test_junk_is_no_key(text: str) -> None:
    assert key_text.read_key(text) is None
    assert key_text.read_key("writ_live_" + text) is None


def test_an_id_of_more_than_128_bits_is_none() -> None:
    text = "writ_live_" + "z" * 65
    assert key_text.read_key(text + key_text._checksum(text)) is None


def test_a_mistyped_key_costs_no_select() -> None:
    nothing: Any = None
    asking: Any = Asking(nothing, None)
    text = key_text.make_key(UUID(int=1), "live")
    for wrong in (text[:-1], text + "0", text[:-1] + ("0" if text[-1] != "0" else "1"), "writ_", ""):
        with pytest.raises(Refusal, match="API_KEY_INVALID"):
            KeyCache().find(asking, wrong)


@pytest.mark.requirement(
    "S1-50", "S3-14", "S3-15", "S3-16", "S3-17", "S3-19", "S3-20", "S3-21", "S3-22", "S3-25", "S3-26"
)
def test_the_row_holds_the_hash_and_the_defaults(store: Store, owner: Actor) -> None:
    key_id, text = create(store, owner, scopes=["jobs.read", "hosting.read", "jobs.read"])
    row = row_of(store, key_id)
    assert row.api_key == key_text.hash_key(text)
    assert not [value for value in row if text in str(value) or text[32:-6] in str(value)]
    assert (row.organization_id, row.created_by) == (DEFAULT_ORGANIZATION_ID, owner.id)
    assert (row.key_type, row.rate_limit_per_hour, row.is_active, row.mode) == (
        "standard",
        1000,
        True,
        "live",
    )
    assert row.permissions == {"scopes": ["hosting.read", "jobs.read"]}
    assert row.expires_at is row.last_used_at is row.revoked_at is None
    assert abs(row.created_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_key_acts_for_its_maker_with_its_own_scopes(store: Store, owner: Actor) -> None:
    key_id, text = create(store, owner, scopes=["jobs.read"], mode="test")
    assert text.startswith("writ_test_")
    actor = find(store, text)
    assert actor == replace(owner, kind="key", scopes=frozenset({"jobs.read"}), key_id=key_id)


def test_a_scope_that_the_maker_lost_is_lost(
    store: Store, owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text = create(store, owner, preset="full")
    monkeypatch.setitem(SCOPES_OF_ROLE, "owner", frozenset({"jobs.read"}))
    assert find(store, text).scopes == {"jobs.read", EVERY}


@pytest.mark.parametrize("preset", sorted(SCOPES_OF_PRESET))
def test_presets(store: Store, owner: Actor, preset: str) -> None:
    confined = [str(SITES[0])] if preset == "project-specific" else None
    _, text = create(store, owner, preset=preset, scopes=["jobs.write"], projects=confined)
    named = KNOWN_SCOPES if preset == "full" else frozenset()
    assert find(store, text).scopes == SCOPES_OF_PRESET[preset] | {"jobs.write"} | named


def test_the_contract_names_the_scopes_and_presets_that_there_are() -> None:
    schemas = CONTRACT["components"]["schemas"]
    assert set(schemas["KeyScope"]["enum"]) == KNOWN_SCOPES | {EVERY}
    assert set(schemas["ApiKeyPreset"]["enum"]) == set(SCOPES_OF_PRESET)


def test_another_secret_for_the_same_id_is_invalid(store: Store, owner: Actor) -> None:
    key_id, _ = create(store, owner)
    assert code_of(store, key_text.make_key(key_id, "live")) == "API_KEY_INVALID"
    assert code_of(store, key_text.make_key(UUID(int=5), "live")) == "API_KEY_INVALID"


@pytest.mark.requirement("S3-24")
def test_a_key_ends_when_its_time_is_over(store: Store, owner: Actor, clock: Clock) -> None:
    ends = clock.at + timedelta(hours=1)
    _, text = create(store, owner, expires_at=ends.isoformat())
    clock.forward(timedelta(minutes=59))
    assert find(store, text)
    clock.forward(timedelta(minutes=1))
    assert code_of(store, text) == "API_KEY_EXPIRED"


@pytest.mark.parametrize(
    "text", ["2020-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]
)
def test_an_end_that_is_not_ahead_is_refused(store: Store, owner: Actor, text: str) -> None:
    with pytest.raises(Refusal) as refusal:
        create(store, owner, expires_at=text)
    assert refusal.value.code == "EXPIRY_NOT_AHEAD"
    assert refusal.value.errors[0].field == "/body/expires_at"


@pytest.mark.requirement("S1-53")
def test_a_revoked_key_is_refused_for_good(store: Store, owner: Actor) -> None:
    key_id, old = create(store, owner)
    with store.begin() as session:
        text = key_rules.regenerate_key(session, SEALER, owner, key_id, 3600).api_key
    for _ in range(2):
        with store.begin() as session:
            key_rules.revoke_key(session, owner, key_id)
        assert code_of(store, text) == code_of(store, old) == "API_KEY_REVOKED"
    first = row_of(store, key_id).revoked_at
    for change in (
        lambda s: key_rules.regenerate_key(s, SEALER, owner, key_id, 0),
        lambda s: key_rules.replace_key(s, owner, key_id, {"key_name": "K"}),
    ):
        with pytest.raises(Refusal, match="API_KEY_NOT_ACTIVE"), store.begin() as session:
            change(session)
    assert row_of(store, key_id).revoked_at == first
    with store.begin() as session:
        key_rules.delete_key(session, owner, key_id)
    assert code_of(store, text) == "API_KEY_INVALID"


@pytest.mark.requirement("S1-17", "S1-52")
def test_a_regenerated_key_works_beside_the_old_one_for_its_grace(
    store: Store, owner: Actor, clock: Clock
) -> None:
    key_id, first = create(store, owner, expires_at=(clock.at + timedelta(days=9)).isoformat())

    def regenerate(grace: int) -> str:
        with store.begin() as session:
            return key_rules.regenerate_key(session, SEALER, owner, key_id, grace).api_key

    second = regenerate(60)
    clock.forward(timedelta(seconds=59))
    assert find(store, first)
    assert find(store, second)
    clock.forward(timedelta(seconds=1))
    assert code_of(store, first) == "API_KEY_EXPIRED"
    third = regenerate(3600)
    assert code_of(store, first) == "API_KEY_INVALID"
    assert find(store, second)
    fourth = regenerate(0)
    assert code_of(store, second) == "API_KEY_INVALID"
    assert code_of(store, third) == "API_KEY_EXPIRED"
    assert find(store, fourth)
    fifth = regenerate(10 * 86400)
    clock.forward(timedelta(days=9))
    assert code_of(store, fourth) == code_of(store, fifth) == "API_KEY_EXPIRED", "grace outlives no expiry"


@pytest.mark.parametrize(
    ("networks", "address", "allowed"),
    [
        ([], "", True),
        (["192.0.2.0/24"], "192.0.2.255", True),
        (["192.0.2.7/24"], "192.0.2.1", True),
        (["192.0.2.7"], "192.0.2.8", False),
        (["192.0.2.0/24"], "::ffff:192.0.2.9", True),
        (["192.0.2.0/24"], "2001:db8::1", False),
        (["192.0.2.0/24", "2001:DB8::/32"], "2001:db8:1::1", True),
        (["192.0.2.0/24"], "", False),
        (["0.0.0.0/0"], "::1", False),
    ],
)
def test_a_key_is_used_from_its_networks_only(
    store: Store, owner: Actor, networks: list[str], address: str, allowed: bool
) -> None:
    _, text = create(store, owner, ip_allowlist=networks)
    if allowed:
        assert find(store, text, address)
    else:
        assert code_of(store, text, address) == "ADDRESS_NOT_ALLOWED"


@given(st.from_regex(CONTRACT["components"]["schemas"]["Network"]["pattern"], fullmatch=True))
def test_every_network_that_the_contract_takes_is_one(text: str) -> None:
    assert ip_network(text, strict=False)


@given(st.one_of(st.ip_addresses(), st.builds(str, st.ip_addresses()).map(lambda a: f"{a}/24")).map(str))
def test_the_contract_takes_every_address(text: str) -> None:
    schema = CONTRACT["components"]["schemas"]["Network"]
    assert jsonschema_rs.is_valid({"type": "string", "pattern": schema["pattern"]}, text)


def test_nobody_gives_or_takes_over_what_they_do_not_have(store: Store, owner: Actor) -> None:
    full_id, _ = create(store, owner, preset="full")
    _, text = create(store, owner, scopes=["keys.write", "jobs.read"])
    clerk = find(store, text)
    own_id, own = create(store, clerk, scopes=["jobs.read"])
    assert find(store, own).scopes == {"jobs.read"}
    for attempt in (
        lambda s: key_rules.create_key(s, SEALER, clerk, {"key_name": "K", "preset": "full"}),
        lambda s: key_rules.create_key(s, SEALER, clerk, {"key_name": "K", "scopes": ["jobs.write"]}),
        lambda s: key_rules.replace_key(s, clerk, own_id, {"key_name": "K", "scopes": ["jobs.write"]}),
        lambda s: key_rules.replace_key(s, clerk, full_id, {"key_name": "K"}),
        lambda s: key_rules.regenerate_key(s, SEALER, clerk, full_id, 0),
    ):
        with pytest.raises(Refusal) as refusal, store.begin() as session:
            attempt(session)
        assert refusal.value.code == "AUTH_SCOPE_MISSING"
        assert "jobs.write" in refusal.value.details["required_scope"]
    with store.begin() as session:
        key_rules.revoke_key(session, clerk, full_id)
    assert not row_of(store, full_id).is_active


def test_keys_of_another_organization_are_not_there(store: Store, owner: Actor) -> None:
    key_id, _ = create(store, owner)
    other = UUID(int=99)
    with store.begin() as session:
        session.add(Organization(id=other, name="Other"))
    stranger = replace(owner, organization_id=other)
    for attempt in (
        lambda s: key_rules.replace_key(s, stranger, key_id, {"key_name": "K"}),
        lambda s: key_rules.regenerate_key(s, SEALER, stranger, key_id, 0),
        lambda s: key_rules.revoke_key(s, stranger, key_id),
        lambda s: key_rules.delete_key(s, stranger, key_id),
        lambda s: key_reading.read_key_row(s, stranger, key_id),
    ):
        with pytest.raises(Refusal, match="API_KEY_NOT_FOUND"), store.begin() as session:
            attempt(session)
    query = {"limit": 20, "sort": "-created_at"}
    with store.read() as connection:
        assert key_reading.read_keys(connection, stranger, query)["data"] == []
        (shown,) = key_reading.read_keys(connection, owner, query)["data"]
    assert shown["id"] == key_id
    assert not set(shown) & {
        "api_key",
        "previous_api_key",
        "api_secret",
        "previous_api_secret",
        "permissions",
    }


@pytest.mark.requirement("S3-23")
def test_a_use_is_noted_once_a_minute_and_written_once(store: Store, owner: Actor, clock: Clock) -> None:
    key_id, text = create(store, owner)
    notes = NoUse()
    find(store, text, use=notes)
    assert notes.noted == [(key_id, clock.at)]
    first = clock.at
    key_use.write_use(store, key_id, first)
    assert row_of(store, key_id).last_used_at == first
    clock.forward(timedelta(seconds=59))
    find(store, text, use=notes)
    assert len(notes.noted) == 1
    # Another process may have noted it at the same time.
    key_use.write_use(store, key_id, clock.at)
    assert row_of(store, key_id).last_used_at == first
    clock.forward(timedelta(seconds=1))
    find(store, text, use=notes)
    assert len(notes.noted) == 2
    key_use.write_use(store, key_id, clock.at)
    assert row_of(store, key_id).last_used_at == clock.at
