"""May this caller do this?"""

from __future__ import annotations

from writ.contract.errors import Refusal
from writ.gateway.call import Call


def authorize(call: Call) -> None:
    """Compare the caller's scopes with the operation's, and the operation with what the caller may not call.

    Raises:
        Refusal: AUTH_SCOPE_MISSING, naming the scopes that are missing; FORBIDDEN.
    """
    if call.actor is not None and call.operation.endpoint in call.actor.forbidden:
        raise Refusal(
            "FORBIDDEN", f"This key may not {call.operation.endpoint}: its endpoints say so. Use another key."
        )
    needed = call.operation.scopes
    if not needed or (call.actor is not None and needed <= call.actor.scopes):
        return
    missing = sorted(needed - (call.actor.scopes if call.actor is not None else frozenset()))
    message = f"This needs the scope {', '.join(missing)}, which the credential does not have."
    if call.actor is not None and call.actor.projects is not None:
        message += " A key that is confined to projects has no scope that reaches beyond them."
    raise Refusal(
        "AUTH_SCOPE_MISSING",
        message,
        details={"required_scope": missing},
    )
