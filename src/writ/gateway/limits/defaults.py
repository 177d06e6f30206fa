"""The policies that hold where an organization has none of its own for the same place."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from writ.gateway.limits.policy import ANY, CONTENT, Policy

_MINUTE, _HOUR = 60, 3600
_CHANGES = ("write", "upload", "batch", "webhook")
# requests an hour, at once, and the amount that the hour may grow to
_TIERS = {"standard": (1000, 100, None), "premium": (5000, 200, None), "enterprise": (50_000, 500, 200_000)}


def _policies() -> Iterator[Policy]:
    # Publishing counts what changes something by the minute, apart from what reads.
    for rate_class in _CHANGES:
        yield Policy("key", "publishing", rate_class, 60, _MINUTE, burst=20)
    yield Policy("key", "publishing", "read", 600, _MINUTE, burst=100)
    for rate_class in _CHANGES:
        yield Policy("key", "studio", rate_class, 20, _MINUTE)
    yield Policy("key", "studio", "read", 100, _MINUTE)
    for subject, surface in product(("key", "application"), ("platform", "hosting")):
        for tier, (amount, burst, most) in _TIERS.items():
            yield Policy(subject, surface, ANY, amount, _HOUR, tier, burst, most)
    yield Policy("key", "oauth", ANY, 600, _MINUTE)
    # Content is limited for each user; a key stands for one.
    for subject in ("key", "user"):
        yield Policy(subject, "content", CONTENT, 100, _MINUTE)
        yield Policy(subject, "content", "upload", 20, _MINUTE)
        yield Policy(subject, "content", "batch", 5, _MINUTE)
    yield Policy("application", ANY, "webhook", 1000, _MINUTE)
    # Ceilings: a person in a browser does not meet them, a program that runs wild does.
    yield Policy("user", ANY, ANY, 1200, _MINUTE, burst=300)
    yield Policy("application", ANY, ANY, 6000, _MINUTE)
    yield Policy("organization", ANY, ANY, 60_000, _MINUTE)
    # Whoever is not known: logins, wrong keys, unknown paths. Guessing ends here.
    yield Policy("address", ANY, ANY, 120, _MINUTE, burst=60)


DEFAULTS: tuple[Policy, ...] = tuple(_policies())
