"""Other paths of the same operations: clients that know no `/api` find what they look for."""

from __future__ import annotations

_EXACT = {"/.well-known/oauth-authorization-server": "/oauth/metadata"}
_PREFIXES = (
    ("/content/v1/oauth/", "/oauth/"),
    ("/content/v1/", "/content/v1/"),
    ("/oauth/", "/oauth/"),
    ("/v1/", "/v1/"),
)


def aliased_path(path: str, base_path: str) -> str | None:
    """The contract's path that this one stands for, or None; for paths that the contract does not have."""
    exact = _EXACT.get(path)
    if exact is not None:
        return base_path + exact
    for prefix, stands_for in _PREFIXES:
        if path.startswith(prefix):
            return base_path + stands_for + path[len(prefix) :]
    return None
