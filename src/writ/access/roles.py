"""What a role may do, and what the presets of keys stand for."""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase

from writ_contract.scopes import ALL_SCOPES

_CONTENT = frozenset({"content.write", "snapshot.manage", "export.run"})

KNOWN_SCOPES: frozenset[str] = ALL_SCOPES | _CONTENT
"""Every scope that can be given: those that operations ask for, and those that the preset `write` names."""

EVERY = "*"
"""What a key holds in place of scopes that has all those of its maker, also those that come later."""

ROLES = ("viewer", "reviewer", "creator", "admin", "owner")
"""The roles, from the one that may do least."""

_ADMINISTRATION = ("keys.*", "users.*", "applications.*", "audit.*", "webhooks.*", "events.*", "limits.*")
# What a role may, and of that what it may not: patterns, so that a scope that comes later falls into place.
_PATTERNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "viewer": (("*.read", "notifications.*"), (*_ADMINISTRATION, "usage.*")),
    "reviewer": (
        ("*.read", "*.review", "*.approve", "jobs.write", "notifications.*"),
        (*_ADMINISTRATION, "usage.*"),
    ),
    "creator": (("*",), _ADMINISTRATION),
    "admin": (("*",), ()),
    "owner": (("*",), ()),
}


def scopes_of_role(role: str, scopes: frozenset[str] = KNOWN_SCOPES) -> frozenset[str]:
    """Which of the scopes a role has. Raises KeyError for a role that there is not."""
    given, withheld = _PATTERNS[role]
    return frozenset(s for s in scopes if _matches(s, given) and not _matches(s, withheld))


def rank(role: str) -> int:
    """The place of a role among `ROLES`; -1 for what is no role of a person, such as an application's."""
    return ROLES.index(role) if role in ROLES else -1


def _matches(scope: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(scope, pattern) for pattern in patterns)


SCOPES_OF_ROLE: dict[str, frozenset[str]] = {role: scopes_of_role(role) for role in ROLES}
"""The scopes of each role; the names of scopes come from the contract."""

PROJECT_SPECIFIC = "project-specific"
"""The preset of keys that are confined to projects: reading and writing what the projects are made of."""

SYSTEMS_OF_PROJECTS = frozenset({"hosting", "jobs", "keys", "events", "webhooks"})
"""The systems that know which of their rows belong to a project, by what stands before the dot of their
scopes."""

SCOPES_IN_PROJECTS: frozenset[str] = frozenset(
    scope for scope in KNOWN_SCOPES if scope.partition(".")[0] in SYSTEMS_OF_PROJECTS
)
"""What a key that is confined to projects may do at most: all else is about the whole organization."""

SCOPES_OF_PRESET: dict[str, frozenset[str]] = {
    "read-only": frozenset(scope for scope in KNOWN_SCOPES if scope.endswith(".read")),
    "full": frozenset({EVERY}),
    "write": _CONTENT,
    PROJECT_SPECIFIC: frozenset(s for s in KNOWN_SCOPES if s.startswith(("hosting.", "jobs."))),
}
"""The scopes of each preset. But for `EVERY`, a key keeps those of the day when it was made."""


def scopes_of_key(role: str, given: Collection[str], confined: bool) -> frozenset[str]:
    """What a key may do that was given these scopes by a user of this role: never more than the user, and
    confined to projects only what knows of projects.

    `EVERY` stays among them, so that only such a key can make another one.
    """
    of_role = SCOPES_OF_ROLE[role] & SCOPES_IN_PROJECTS if confined else SCOPES_OF_ROLE[role]
    return of_role | {EVERY} if EVERY in given else of_role.intersection(given)
