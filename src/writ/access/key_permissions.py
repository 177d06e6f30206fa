"""What a key may do: its scopes, projects and endpoints. Nobody gives or takes over what they do not have."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session
from writ_contract.errors import AUTH_SCOPE_MISSING, ENDPOINT_UNKNOWN, FORBIDDEN, PROJECT_UNKNOWN
from writ_contract.operations import OPERATIONS

from writ.access.models import ApiKey
from writ.access.projects import unknown_projects
from writ.access.roles import EVERY, PROJECT_SPECIFIC, SCOPES_OF_PRESET, SCOPES_OF_ROLE
from writ.contract.errors import FieldError, Refusal
from writ.contract.violations import escape, refuse
from writ.gateway.call import Actor

ENDPOINTS = frozenset(f"{operation.method.upper()} {operation.path}" for operation in OPERATIONS.values())
"""Every operation by method and path, as the contract writes them."""


def read_permissions(
    session: Session, actor: Actor, organization: UUID, body: Mapping[str, Any]
) -> dict[str, Any]:
    """The permissions that the body asks for, as the key's row holds them.

    Raises Refusal AUTH_SCOPE_MISSING, FORBIDDEN, PROJECT_UNKNOWN, ENDPOINT_UNKNOWN, VALIDATION_ERROR.
    """
    preset = body.get("preset", "")
    scopes = frozenset(body.get("scopes", ())) | SCOPES_OF_PRESET.get(preset, frozenset())
    permissions: dict[str, Any] = {"scopes": [EVERY] if EVERY in scopes else sorted(scopes)}
    projects = body.get("projects")
    if not projects and (preset == PROJECT_SPECIFIC or actor.projects is not None):
        why = (
            "the preset project-specific needs"
            if preset == PROJECT_SPECIFIC
            else "your own key is confined to"
        )
        raise refuse([FieldError("/body/projects", "required", f"is missing: {why} projects; name them")])
    if projects:
        permissions["projects"] = _known_projects(session, actor, organization, projects)
    endpoints = body.get("endpoints")
    if endpoints:
        permissions["endpoints"] = _known_endpoints(endpoints)
    require_permissions(actor, permissions)
    return permissions


def require_permissions(actor: Actor, permissions: Mapping[str, Any]) -> None:
    """Refuse an actor who may do less than a key with these permissions.

    Raises Refusal AUTH_SCOPE_MISSING or FORBIDDEN, always for an application that acts for itself: its key
    would be of whoever registered it, and outlive the application.
    """
    if actor.kind == "application":
        raise Refusal(FORBIDDEN, "An application makes and changes no keys by itself; log in, or use a key.")
    missing = sorted(_scopes_lacking(actor, frozenset(permissions["scopes"])))
    if missing:
        raise Refusal(
            AUTH_SCOPE_MISSING,
            f"The key has or would have the scope {', '.join(missing)}, which your credential does not have.",
            details={"required_scope": missing},
        )
    open_to_it = sorted(actor.forbidden - forbidden_of(permissions))
    if open_to_it:
        raise Refusal(
            FORBIDDEN,
            f"The key may or might {', '.join(open_to_it)}, which your own key may not; "
            "set it to false in endpoints.",
        )


def projects_of(permissions: Mapping[str, Any]) -> frozenset[UUID] | None:
    """The projects that a key with these permissions is confined to; None when to none."""
    projects = permissions.get("projects")
    return None if projects is None else _as_ids(tuple(projects))


def forbidden_of(permissions: Mapping[str, Any]) -> frozenset[str]:
    """The endpoints that a key with these permissions may not call."""
    endpoints = permissions.get("endpoints")
    if not endpoints:
        return frozenset()
    return frozenset(endpoint for endpoint, allowed in endpoints.items() if not allowed)


def is_within(actor: Actor, key: ApiKey) -> bool:
    """Whether the key is there for the actor: one that is confined to projects sees only keys of those."""
    if actor.projects is None:
        return True
    projects = projects_of(key.permissions)
    return projects is not None and projects <= actor.projects


@lru_cache(maxsize=1024)
def _as_ids(texts: tuple[str, ...]) -> frozenset[UUID]:
    return frozenset(map(UUID, texts))


def _scopes_lacking(actor: Actor, scopes: frozenset[str]) -> frozenset[str]:
    if EVERY not in scopes:
        return scopes - actor.scopes
    # A person may give all that they have. Of keys only one that has it by `EVERY` may: one with a list of
    # all scopes of today would give those of tomorrow.
    if EVERY in actor.scopes or actor.kind == "session":
        return frozenset()
    return (SCOPES_OF_ROLE[actor.role] - actor.scopes) or frozenset({EVERY})


def _known_projects(session: Session, actor: Actor, organization: UUID, texts: list[str]) -> list[str]:
    projects = [UUID(text) for text in texts]
    unknown = unknown_projects(session, organization, frozenset(projects))
    if actor.projects is not None:
        # Another project of the organization is not there for whoever is confined.
        unknown |= frozenset(projects) - actor.projects
    errors = [
        FieldError(f"/body/projects/{at}", PROJECT_UNKNOWN, "is no project that the key could be confined to")
        for at, project in enumerate(projects)
        if project in unknown
    ]
    if errors:
        raise Refusal(PROJECT_UNKNOWN, errors=errors)
    return sorted({str(project) for project in projects})


def _known_endpoints(endpoints: dict[str, bool]) -> dict[str, bool]:
    errors = [
        FieldError(f"/body/endpoints/{escape(name)}", ENDPOINT_UNKNOWN, "is no operation of the contract")
        for name in endpoints
        if name not in ENDPOINTS
    ]
    if errors:
        raise Refusal(ENDPOINT_UNKNOWN, errors=errors)
    return dict(sorted(endpoints.items()))
