"""The caller of an operation that asks for a credential."""

from __future__ import annotations

from writ_contract.errors import UNAUTHORIZED

from writ.contract.errors import Refusal
from writ.gateway.call import Actor, Call


def caller(call: Call) -> Actor:
    """The call's actor. Raises Refusal UNAUTHORIZED when there is none, as for an open operation."""
    if call.actor is None:
        raise Refusal(UNAUTHORIZED)
    return call.actor
