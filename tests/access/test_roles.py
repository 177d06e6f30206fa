"""Roles: each has at least what the one below it has, and coming scopes fall into their place."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from writ.access.roles import KNOWN_SCOPES, ROLES, SCOPES_OF_ROLE, rank, scopes_of_role

PAGE = Path(__file__).parents[2] / "docs" / "security-and-secrets.md"
COMING = frozenset(
    [
        "webhooks.read",
        "webhooks.write",
        "events.read",
        "audit.read",
        "usage.read",
        "limits.read",
        "limits.write",
        "notifications.read",
        "notifications.write",
        "studio.read",
        "studio.approve",
        "crm.write",
    ]
)


@pytest.mark.requirement("S3-93")
def test_each_role_has_what_the_one_below_it_has() -> None:
    for lower, higher in itertools.pairwise(ROLES):
        for scopes in (KNOWN_SCOPES, COMING):
            assert scopes_of_role(lower, scopes) <= scopes_of_role(higher, scopes)
        assert rank(lower) < rank(higher)
    assert SCOPES_OF_ROLE["owner"] == SCOPES_OF_ROLE["admin"] == KNOWN_SCOPES
    assert rank("application") < rank("viewer")


def test_coming_scopes_fall_into_their_place() -> None:
    seen = {"notifications.read", "notifications.write", "studio.read"}
    assert scopes_of_role("viewer", COMING) == seen
    assert scopes_of_role("reviewer", COMING) == seen | {"studio.approve"}
    assert scopes_of_role("creator", COMING) == seen | {"studio.approve", "crm.write", "usage.read"}
    assert scopes_of_role("admin", COMING) == COMING


def test_the_table_on_the_page_is_true() -> None:
    """| scope | viewer | … | owner |, with a word in each place that has the scope."""
    rows = {}
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 1 + len(ROLES) and cells[0].startswith("`"):
            rows[cells[0].strip("`")] = {role for role, cell in zip(ROLES, cells[1:], strict=True) if cell}
    assert rows == {scope: {r for r in ROLES if scope in SCOPES_OF_ROLE[r]} for scope in KNOWN_SCOPES}
