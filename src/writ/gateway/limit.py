"""How much may this caller do?"""

from __future__ import annotations

from writ.gateway.call import Call


def limit(call: Call) -> None:
    """Count the request against every limit that it falls under.

    Raises:
        Refusal: RATE_LIMITED, saying which limit and when to come back.
    """
    call.services.limiter.admit(call)
