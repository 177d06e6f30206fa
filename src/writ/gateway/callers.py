"""Who calls an operation that asks for a credential, and for whom."""

from __future__ import annotations

from uuid import UUID

from writ_contract.errors import UNAUTHORIZED

from writ.contract.errors import Refusal
from writ.gateway.call import Actor, Call


def caller(call: Call) -> Actor:
    """The call's actor. Raises Refusal UNAUTHORIZED when there is none, as for an open operation."""
    if call.actor is None:
        raise Refusal(UNAUTHORIZED)
    return call.actor


def organization_of(actor: Actor) -> UUID:
    """The actor's organization. Raises Refusal UNAUTHORIZED when there is none, as for no caller of ours."""
    if actor.organization_id is None:
        raise Refusal(UNAUTHORIZED)
    return actor.organization_id
