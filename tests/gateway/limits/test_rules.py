"""Which rules a request falls under."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import pytest

from tests.conformance.contract import CONTRACT
from writ.contract.operation import surface_of
from writ.gateway.call import Actor
from writ.gateway.limits.defaults import DEFAULTS
from writ.gateway.limits.policy import CLASSES, MOST, SURFACES, Policy, format_window, parse_window
from writ.gateway.limits.rules import Book
from writ.gateway.limits.subjects import network_of, subjects_of

HOME, OTHER = UUID(int=1), UUID(int=2)
KEY = (("key", "k"), ("organization", "o"))
USER = (("user", "u"), ("organization", "o"))
APPLICATION = (("user", "u"), ("application", "a"), ("organization", "o"))


def rules(
    subjects: tuple[tuple[str, str], ...] = KEY,
    surface: str = "hosting",
    rate_class: str = "read",
    tier: str = "standard",
    overrides: Mapping[str, int] | None = None,
    own: tuple[Policy, ...] = (),
    factor: float = 1.0,
    organization: UUID = HOME,
) -> dict[str, tuple[int, int]]:
    """The rules but the ceiling of the organization: their names, with amount and seconds."""
    book = Book("r", [(HOME, policy) for policy in own], HOME, factor)
    found = book.count(subjects, organization, surface, rate_class, tier, overrides or {})
    told = {each.rule.name: (each.rule.amount, each.rule.seconds) for each in found}
    assert len(told) == len(found), "a name stands for one counter"
    return {name: value for name, value in told.items() if not name.startswith("organization")}


@pytest.mark.requirement("S0-42", "S0-43", "S0-44", "S0-49", "S0-51")
def test_publishing_counts_what_is_written_by_the_minute_and_at_once() -> None:
    assert rules(surface="publishing", rate_class="write") == {
        "key-publishing-write-1m": (60, 60),
        "key-publishing-write-1m-burst": (20, 10),
    }
    assert "key-publishing-write-1m" not in rules(surface="publishing", rate_class="read")


@pytest.mark.requirement("S1-54", "S1-55")
def test_the_studio_counts_reads_and_writes_apart() -> None:
    assert rules(surface="studio", rate_class="read") == {"key-studio-read-1m": (100, 60)}
    assert rules(surface="studio", rate_class="write") == {"key-studio-write-1m": (20, 60)}


@pytest.mark.requirement("S3-94", "S3-97", "S3-98", "S3-141", "S3-142", "S3-143")
@pytest.mark.parametrize(
    ("tier", "amount", "most"),
    [("standard", 1000, 1000), ("premium", 5000, 5000), ("enterprise", 50_000, 200_000)],
)
@pytest.mark.parametrize("surface", ["platform", "hosting"])
@pytest.mark.parametrize("subject", ["key", "application"])
def test_tiers_have_an_hour(tier: str, amount: int, most: int, surface: str, subject: str) -> None:
    found = Book("r", (), HOME).count(
        ((subject, "s"), ("organization", "o")), HOME, surface, "write", tier, {}
    )
    hour = found[0].rule
    assert (hour.name, hour.amount, hour.ceiling) == (f"{subject}-{surface}-{tier}-1h", amount, most)
    assert found[1].rule.is_burst
    assert found[1].rule.amount >= 50


@pytest.mark.requirement("S4-148", "S4-149", "S4-150", "S4-151")
def test_content_counts_by_class_for_each_user_and_application() -> None:
    def amount(name: str, rate_class: str) -> tuple[int, int]:
        return rules(APPLICATION, "content", rate_class)[name]

    assert (
        amount("user-content-content-1m", "read") == amount("user-content-content-1m", "write") == (100, 60)
    )
    assert amount("user-content-upload-1m", "upload") == (20, 60)
    assert amount("user-content-batch-1m", "batch") == (5, 60)
    assert amount("application-webhook-1m", "webhook") == (1000, 60)
    assert rules(KEY, "content", "read") == {"key-content-content-1m": (100, 60)}


def test_every_kind_of_request_is_limited() -> None:
    """Whoever calls whatever meets a limit, so that every answer can say one."""
    for surface in ("", *SURFACES):
        for rate_class in CLASSES:
            for subjects in (USER, APPLICATION, (("address", "192.0.2.1"),)):
                assert rules(subjects, surface, rate_class)
            for tier in ("standard", "premium", "enterprise"):
                assert Book("r", (), HOME).count(KEY, HOME, surface, rate_class, tier, {})


@pytest.mark.requirement("S1-60", "S3-210")
def test_what_a_key_has_of_its_own_comes_before_the_policies() -> None:
    own = {"read_per_minute": 7, "write_per_minute": 3}
    assert rules(surface="studio", rate_class="read", overrides=own) == {"key-own-read-1m": (7, 60)}
    assert rules(surface="studio", rate_class="upload", overrides=own) == {"key-own-write-1m": (3, 60)}
    hosting = rules(overrides={**own, "per_hour": 50, "burst": 4})
    assert hosting == {"key-own-read-1m": (7, 60), "key-own-1h": (50, 3600), "key-own-burst": (4, 10)}
    assert rules(overrides={"per_hour": 90_000}) == {"key-own-1h": (90_000, 3600)}, "the policy's burst too"
    assert rules(overrides={"burst": 4}) == {
        "key-own-burst": (4, 10),
        "key-hosting-standard-1h": (1000, 3600),
    }


def test_a_policy_of_an_organization_stands_for_the_default_of_its_place() -> None:
    own = (
        Policy("key", "studio", "read", 30, 10),
        Policy("key", "studio", "read", 5000, 3600, burst=9),
        Policy("key", "*", "*", 9000, 86_400),
    )
    assert rules(surface="studio", own=own) == {
        "key-studio-read-10s": (30, 10),
        "key-studio-read-1h": (5000, 3600),
        "key-studio-read-1h-burst": (9, 10),
        "key-1d": (9000, 86_400),
    }
    assert rules(surface="studio", own=own, organization=OTHER) == {"key-studio-read-1m": (100, 60)}


def test_the_factor_multiplies_policies_and_not_what_keys_have() -> None:
    assert rules(surface="studio", factor=3)["key-studio-read-1m"] == (300, 60)
    assert rules(surface="studio", factor=0.001)["key-studio-read-1m"] == (1, 60)
    assert rules(surface="hosting", factor=1e6)["key-hosting-standard-1h"] == (MOST, 3600)
    assert rules(factor=3, overrides={"per_hour": 50})["key-own-1h"] == (50, 3600)


def test_whom_a_request_is_counted_for() -> None:
    def who(**more: object) -> list[str]:
        kind = str(more.pop("kind", "session"))
        found = subjects_of(Actor(UUID(int=5), kind, "a@example.com", "owner", frozenset(), **more))  # type: ignore[arg-type]
        return [name for name, _ in found]

    assert who(organization_id=HOME) == ["user", "organization"]
    assert who(kind="key", key_id=UUID(int=6), organization_id=HOME) == ["key", "organization"]
    assert who(kind="token", application_id=UUID(int=7), organization_id=HOME) == [
        "user",
        "application",
        "organization",
    ]
    assert who(kind="application", application_id=UUID(int=7)) == ["application"]


def test_an_ipv6_customer_is_one_address() -> None:
    assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2:ffff::1") == "2001:db8:1:2::"
    assert network_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert network_of("/run/writ.sock") == "/run/writ.sock"


@pytest.mark.requirement("S3-241")
@pytest.mark.parametrize(
    ("text", "seconds", "shown"),
    [("60s", 60, "1m"), ("1h", 3600, "1h"), ("90s", 90, "90s"), ("24h", 86_400, "1d"), (600, 600, "10m")],
)
def test_windows_are_texts_or_seconds(text: str | int, seconds: int, shown: str) -> None:
    assert parse_window(text) == seconds
    assert format_window(seconds) == shown
    assert parse_window(shown) == seconds


@pytest.mark.parametrize("wrong", ["", "h", "1", "0s", "1.5h", "1w", "25h", "2d", " 1h", 0, -1, 86_401])
def test_what_is_no_window_is_refused(wrong: str | int) -> None:
    with pytest.raises(ValueError, match="is "):
        parse_window(wrong)


def test_the_names_of_the_defaults_are_their_own() -> None:
    assert (
        len({policy.name for policy in DEFAULTS})
        == len({policy.place for policy in DEFAULTS})
        == len(DEFAULTS)
    )


def test_surfaces_come_from_the_longest_prefix_of_the_contract() -> None:
    def found(path: str) -> str:
        return surface_of(CONTRACT, path)

    assert found("/sites/{id}") == found("/login") == "hosting"
    assert found("/v1/api-keys") == "platform"
    assert found("/v1/admin/entities") == "publishing"
    assert found("/v1/studio/projects") == "studio"
    assert found("/content/v1/assets") == "content"
    assert found("/oauth/token") == "oauth"
    assert {entry["surface"] for entry in CONTRACT["x-surfaces"]} == set(SURFACES)
    assert surface_of({}, "/sites") == ""
    schemas = CONTRACT["components"]["schemas"]
    assert schemas["RateSurface"]["enum"] == ["*", *SURFACES]
    assert set(schemas["RateClass"]["enum"]) == {"*", "content", *CLASSES}
