"""Other paths of the same operations (every client's literal paths work)."""

from __future__ import annotations

import pytest

from writ.gateway.aliases import aliased_path


@pytest.mark.requirement("S4-06", "S4-07")
@pytest.mark.parametrize(
    ("path", "stands_for"),
    [
        ("/v1/users", "/api/v1/users"),
        ("/v1/users/me", "/api/v1/users/me"),
        ("/oauth/token", "/api/oauth/token"),
        ("/oauth/refresh", "/api/oauth/refresh"),
        ("/content/v1/oauth/token", "/api/oauth/token"),
        ("/content/v1/content", "/api/content/v1/content"),
        ("/.well-known/oauth-authorization-server", "/api/oauth/metadata"),
        ("/docs", None),
        ("/openapi.json", None),
        ("/healthz", None),
        ("/v1", None),
        ("/v10/users", None),
        ("/sites", None),
        ("/content/v2/content", None),
        ("/", None),
    ],
)
def test_a_path_stands_for_one_of_the_contract_or_none(path: str, stands_for: str | None) -> None:
    assert aliased_path(path, "/api") == stands_for
