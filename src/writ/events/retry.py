"""When a delivery that failed is tried again."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

SCHEDULE = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 36_000.0)
"""Seconds between the attempts of a policy that names no seconds of its own: eight attempts in 28 hours."""

JITTER = 0.2
"""Each delay is up to so much shorter or longer, so that what failed together does not come back together."""

DEFAULT_MAX_ATTEMPTS = 3
DEFAULT_MAX_SECONDS = 86_400
ASKS_TO_WAIT = frozenset({429, 502, 503, 504})
"""The statuses whose Retry-After is honoured."""


def scheduled_delay(policy: Mapping[str, Any], attempt: int) -> float | None:
    """Seconds from the end of the attempt (the first is 1) to the next one; None when there is none."""
    if attempt >= policy.get("max_attempts", DEFAULT_MAX_ATTEMPTS):
        return None
    first = policy.get("initial_seconds")
    backoff = policy.get("backoff", "exponential")
    if backoff == "exponential" and first is None:
        delay = SCHEDULE[min(attempt, len(SCHEDULE)) - 1]
    else:
        start = SCHEDULE[0] if first is None else float(first)
        factor = {"exponential": 2 ** (attempt - 1), "linear": attempt, "fixed": 1}[backoff]
        delay = start * factor
    return min(delay, float(policy.get("max_seconds", DEFAULT_MAX_SECONDS)))


def next_delay(
    policy: Mapping[str, Any], attempt: int, status: int | None = None, retry_after: float | None = None
) -> float | None:
    """As `scheduled_delay`, with jitter and what the receiver asked for.

    A receiver may ask for more time, up to twice of what was meant; for less it need not ask.
    """
    delay = scheduled_delay(policy, attempt)
    if delay is None:
        return None
    if status in ASKS_TO_WAIT and retry_after is not None:
        return min(max(retry_after, delay), 2 * delay)
    return delay * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (nothing secret)


def parse_retry_after(text: str | None, moment: datetime) -> float | None:
    """Seconds that a Retry-After header (RFC 9110, 10.2.3) asks for, by number or date; None for neither."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, (at - moment).total_seconds())
