"""What is left of the quotas: one function an operation."""

from __future__ import annotations

from writ.access.usage_reading import own_limits, read_quotas
from writ.gateway.call import Answer, Call, ok
from writ.gateway.callers import caller, organization_of


def list_usage_quotas(call: Call) -> Answer:
    """How much of its hour each key has used, and how much of its limits the caller."""
    actor = caller(call)
    page = read_quotas(call.read, organization_of(actor), call.query)
    return ok({**page, "own": own_limits(call.services.limiter, actor)})
