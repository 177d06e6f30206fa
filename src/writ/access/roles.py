"""What a role may do, and what the presets of keys stand for."""

from __future__ import annotations

from writ_contract.scopes import ALL_SCOPES

_CONTENT = frozenset({"content.write", "snapshot.manage", "export.run"})

KNOWN_SCOPES: frozenset[str] = ALL_SCOPES | _CONTENT
"""Every scope that can be given: those that operations ask for, and those that the preset `write` names."""

SCOPES_OF_ROLE: dict[str, frozenset[str]] = {"owner": KNOWN_SCOPES}
"""The scopes of each role; the names of scopes come from the contract."""

SYSTEMS_OF_PROJECTS = frozenset({"hosting", "jobs"})
"""The systems whose rows belong to projects, by what stands before the dot of their scopes."""

SCOPES_IN_PROJECTS: frozenset[str] = frozenset(
    scope for scope in KNOWN_SCOPES if scope.partition(".")[0] in SYSTEMS_OF_PROJECTS
)
"""What a key that is confined to projects may do at most: all else is about the whole organization."""

SCOPES_OF_PRESET: dict[str, frozenset[str]] = {
    "read-only": frozenset(scope for scope in KNOWN_SCOPES if scope.endswith(".read")),
    "full": KNOWN_SCOPES,
    "write": _CONTENT,
}
"""The scopes of each preset. A key keeps those of the day when it was made."""
