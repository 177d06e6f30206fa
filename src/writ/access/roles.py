"""What a role may do."""

from __future__ import annotations

from writ_contract.scopes import ALL_SCOPES

SCOPES_OF_ROLE: dict[str, frozenset[str]] = {"owner": frozenset(ALL_SCOPES)}
"""The scopes of each role; the names of scopes come from the contract."""
