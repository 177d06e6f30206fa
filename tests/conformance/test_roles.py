"""Every operation of the contract by somebody of each role: allowed exactly where the role's scopes say."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.contract import OPERATIONS, check_answer
from tests.conformance.test_errors import How, call
from tests.conformance.test_keys import OPEN
from tests.support.scene import Scene
from tests.support.world import SESSION_TOKENS
from writ.access.roles import SCOPES_OF_ROLE

OWN_PASSWORD = {"change_password"}
"""Its example has the owner's password, so others are told that it is wrong."""

OF_ADMINISTRATORS = {"mark_notification_read"}
"""Its example is a notification for administrators, which others do not see."""


@pytest.mark.requirement("S3-93")
@pytest.mark.parametrize("role", sorted(SESSION_TOKENS))
@pytest.mark.parametrize("operation_id", [o for o in OPERATIONS if o not in OPEN])
def test_a_role_does_what_its_scopes_say_and_nothing_else(scene: Scene, operation_id: str, role: str) -> None:
    operation = OPERATIONS[operation_id]
    answer: Any = call(scene, operation, How(role=role))
    check_answer(operation, answer)
    needed = set(operation.raw["x-scopes"])
    if operation_id in OWN_PASSWORD:
        assert answer.json()["code"] == "invalid_credentials", answer.text
    elif operation_id in OF_ADMINISTRATORS and role not in ("owner", "admin"):
        assert answer.status_code == 404, answer.text
    elif needed <= SCOPES_OF_ROLE[role]:
        assert answer.status_code == operation.success, answer.text
    else:
        assert answer.status_code == 403, answer.text
        assert answer.json()["error"]["details"]["required_scope"] == sorted(needed - SCOPES_OF_ROLE[role])
