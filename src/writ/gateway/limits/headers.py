"""Limits as answers tell them: in the X-RateLimit headers that clients know, and in those of the IETF's draft
(draft-ietf-httpapi-ratelimit-headers-11).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from writ.contract.errors import Refusal
from writ.gateway.limits.counter import Count
from writ.gateway.limits.rules import Counted

Headers = list[tuple[bytes, bytes]]


def headers_of(counted: Sequence[Counted], counts: Sequence[Count], now: int) -> Headers:
    """The headers of an answer; `now` in milliseconds since 1970.

    X-RateLimit speaks of the tightest rule: the one that refuses for longest, else the one of which least is
    left. A burst counts there only when nothing is left of it, because it is back in seconds.
    """
    if not counts:
        return []
    count = counts[tightest(counted, counts)]
    policies, states = [], []
    for each, (amount, remaining, reset, wait) in zip(counted, counts, strict=True):
        name = each.rule.name
        policies.append(f'"{name}";q={amount};w={each.rule.seconds}')
        states.append(f'"{name}";r={remaining};t={-(-(wait or reset - now) // 1000)}')
    reset = max(count.reset, now + count.wait)
    return [
        (b"x-ratelimit-limit", b"%d" % count.amount),
        (b"x-ratelimit-remaining", b"%d" % count.remaining),
        (b"x-ratelimit-reset", b"%d" % -(-reset // 1000)),
        (b"ratelimit-policy", ", ".join(policies).encode()),
        (b"ratelimit", ", ".join(states).encode()),
    ]


def tightest(counted: Sequence[Counted], counts: Sequence[Count]) -> int:
    """The index of the rule that a client has to mind first."""
    best, at = None, 0
    for index, (_, remaining, _, wait) in enumerate(counts):
        order = (-wait, counted[index].rule.is_burst and remaining > 0, remaining)
        if best is None or order < best:
            best, at = order, index
    return at


def refusal_of(counted: Sequence[Counted], counts: Sequence[Count], now: int) -> Refusal:
    """429, naming the limit. Waiting as many whole seconds as Retry-After says is enough, one less is not."""
    at = tightest(counted, counts)
    rule, count = counted[at].rule, counts[at]
    seconds = -(-count.wait // 1000)
    again = datetime.fromtimestamp((now + seconds * 1000) / 1000, UTC)
    span = "at once" if rule.is_burst else f"in {rule.seconds} seconds"
    return Refusal(
        "RATE_LIMITED",
        f"The limit {rule.name} allows {count.amount} requests {span}. Try again in {seconds} seconds.",
        headers={"Retry-After": str(seconds)},
        details={
            "limit": rule.name,
            "subject": rule.subject,
            "surface": rule.surface,
            "rate_class": rule.rate_class,
            "amount": count.amount,
            "window_seconds": rule.seconds,
            "is_burst": rule.is_burst,
            "retry_after_seconds": seconds,
            "retry_at": again.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        },
    )
