"""Whose credential is this?"""

from __future__ import annotations

from writ.contract.errors import Refusal
from writ.gateway.call import Call


def authenticate(call: Call) -> None:
    """Find the caller; an operation that the contract leaves open is not asked for one.

    Raises:
        Refusal: UNAUTHORIZED without a good credential, or what the authenticator says of a bad one.
    """
    if not call.operation.needs_credential:
        return
    call.actor = call.services.authenticator.authenticate(call)
    if call.actor is None:
        raise Refusal("UNAUTHORIZED")
