"""Rate policies: list, create, get, replace, delete; and the defaults."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from writ.access import rate_policies
from writ.access.rate_reading import read_defaults, read_policies, read_policy
from writ.gateway.call import Answer, Call, ok
from writ.gateway.callers import caller, organization_of


def list_rate_policies(call: Call) -> Answer:
    """The policies of the caller's organization."""
    return ok(read_policies(call.read, organization_of(caller(call)), call.query))


def get_rate_policy_defaults(call: Call) -> Answer:
    """What holds where the organization says nothing."""
    return ok({"data": read_defaults()})


def create_rate_policy(call: Call) -> Answer:
    """Add a policy."""
    policy_id = rate_policies.create_policy(call.session, call.services.redis, caller(call), call.body)
    where = f"/api/v1/rate-policies/{policy_id}"
    return Answer(201, _written(call, policy_id), {"Location": where})


def get_rate_policy(call: Call) -> Answer:
    """One policy."""
    return ok(read_policy(call.read, organization_of(caller(call)), call.path["id"]))


def replace_rate_policy(call: Call) -> Answer:
    """Replace what a policy says."""
    rate_policies.replace_policy(call.session, call.services.redis, caller(call), call.path["id"], call.body)
    return ok(_written(call, call.path["id"]))


def delete_rate_policy(call: Call) -> Answer:
    """Remove a policy."""
    rate_policies.delete_policy(call.session, call.services.redis, caller(call), call.path["id"])
    return ok({"success": True})


def _written(call: Call, policy_id: UUID) -> dict[str, Any]:
    call.session.flush()
    return read_policy(call.session, organization_of(caller(call)), policy_id)
