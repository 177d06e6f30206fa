"""Every row says whose it is: by its own organization, or by the row that it is a part of."""

from __future__ import annotations

import pytest
from sqlalchemy import Table

import writ.app
import writ.store.lease  # noqa: F401  (every table is there when everything is imported)
from writ.store.base import Base

OF_NOBODY = {
    "organizations": "it is who rows belong to",
    "nodes": "machines of the installation, which carry the sites of all organizations",
    "leases": "which process does what only one may do",
    "login_attempts": "who knocks is not known yet; subjects are keyed hashes",
    "oauth_keys": "what the installation signs tokens with, for the applications of all organizations",
    "event_log": "how far the one log has got that the events of all organizations stand in",
    "audit_journals": "how far files of server processes have been read",
    "audit_pending": "lines on their way into the audit log, which say whose they are there",
    "audit_seals": "the one chain over the audit log of all organizations; it holds hashes",
}
"""Tables without a path to an organization, and why. It may only shrink."""


def reaches(table: Table, seen: frozenset[str] = frozenset()) -> bool:
    """Whether each row says whose it is, by a column or a foreign key that is never empty."""
    own = table.columns.get("organization_id")
    if own is not None:
        return not own.nullable
    return any(
        all(not column.nullable for column in key.columns)
        and key.referred_table.name not in seen
        and reaches(key.referred_table, seen | {table.name})
        for key in table.foreign_key_constraints
    )


@pytest.mark.requirement("S3-15")
def test_every_row_belongs_to_an_organization() -> None:
    lost = {table.name for table in Base.metadata.sorted_tables if not reaches(table)}
    new = sorted(lost - set(OF_NOBODY))
    assert not new, (
        f"{new}: give each the column organization_id (never empty, in an index), or a foreign key to a "
        "table that has it; then let every read and rule take the caller's Sight (docs/data-model.md)"
    )
    found = sorted(set(OF_NOBODY) - lost)
    assert not found, f"take {found} off OF_NOBODY: their rows belong to an organization, or they are gone"
