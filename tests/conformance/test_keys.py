"""Every operation of the contract with each kind of key: allowed exactly where its scopes say."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.conformance.contract import OPERATIONS, Operation, check_answer, encode
from tests.support.scene import Scene
from tests.support.world import KEY_OF_NOTHING, KEY_OF_PRESET, KEY_TEXTS
from writ.access.roles import KNOWN_SCOPES, PROJECT_SPECIFIC, SCOPES_OF_PRESET

OPEN = {
    "login",
    *("issue_token", "refresh_token", "revoke_token", "introspect_token"),
    *("get_token_keys", "get_authorization_server"),
}
"""What may be called without a credential: what gives one, and asks for the application's own, and what the
world must know to use it. It may only shrink.
"""

NO_SCOPE = {"login", "logout", "get_current_user", "change_password", "get_consent_page", "submit_consent"}
"""What may be called with any credential: it is about the caller. It may only shrink."""

LOGIN_ONLY = {"change_password", "get_consent_page", "submit_consent"}
"""What a person does, and no key. It may only shrink."""

BEYOND_PROJECTS = {"create_site": (403, "forbidden"), "import_site": (422, "upload_unknown")}
"""What its scopes would allow a key that is confined to projects, and what reaches beyond them: a site is a
new project, and the example's upload was sent by somebody else. It may only shrink."""

PRESETS = {**SCOPES_OF_PRESET, "full": KNOWN_SCOPES, "nothing": frozenset[str]()}


def call(scene: Scene, operation: Operation, headers: dict[str, str]) -> httpx.Response:
    """The operation with its first example, without a cookie."""
    media, content = next(((m, encode(m, v)) for _, m, v in operation.bodies()), (None, None))
    return scene.stranger.request(
        operation.method,
        operation.path_with(),
        params=operation.needed_query(),
        content=content,
        headers={**headers, **({"Content-Type": media} if media else {})},
    )


def test_the_exceptions_are_as_few_as_they_were() -> None:
    assert {o.id for o in OPERATIONS.values() if not o.needs_login} == OPEN
    assert {o.id for o in OPERATIONS.values() if not o.raw["x-scopes"]} == NO_SCOPE | OPEN
    assert len(OPEN) <= 7
    assert len(NO_SCOPE) <= 6
    assert len(LOGIN_ONLY) <= 3
    assert len(BEYOND_PROJECTS) <= 2


@pytest.mark.requirement("S1-13")
def test_without_a_credential_nothing_is_done(scene: Scene) -> None:
    for operation in OPERATIONS.values():
        if operation.id not in OPEN:
            answer = call(scene, operation, {})
            check_answer(operation, answer)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), operation.id


@pytest.mark.requirement("S1-13", "S1-14", "S1-46", "S1-47", "S1-49")
@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("operation_id", [o for o in OPERATIONS if o not in OPEN])
def test_a_key_does_what_its_scopes_say_and_nothing_else(
    scene: Scene, operation_id: str, preset: str
) -> None:
    operation = OPERATIONS[operation_id]
    text = KEY_TEXTS[KEY_OF_PRESET.get(preset, KEY_OF_NOTHING)]
    answer: Any = call(scene, operation, {"Authorization": f"Bearer {text}"})
    check_answer(operation, answer)
    needed = set(operation.raw["x-scopes"])
    if operation_id in LOGIN_ONLY:
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), answer.text
    elif preset == PROJECT_SPECIFIC and operation_id in BEYOND_PROJECTS:
        assert (answer.status_code, answer.json()["code"]) == BEYOND_PROJECTS[operation_id]
    elif needed <= PRESETS[preset]:
        assert answer.status_code == operation.success, answer.text
    else:
        assert answer.status_code == 403, answer.text
        assert answer.json()["code"] == "auth_scope_missing"
        missing = answer.json()["error"]["details"]["required_scope"]
        assert missing == sorted(needed - PRESETS[preset])
