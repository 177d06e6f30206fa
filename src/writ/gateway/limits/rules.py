"""What policies make of a request: the rules that it is counted against, computed once for each revision."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from writ.gateway.limits.defaults import DEFAULTS
from writ.gateway.limits.policy import ANY, BURST_SECONDS, MOST, Policy, format_window
from writ.gateway.limits.subjects import Subjects

_HOUR_SECONDS = 3600
_KEPT = 20_000
"""The most that is kept of each kind in a process: a few demands for each key in use."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One counter: at most `amount` in `seconds`; it may grow to `ceiling`. A burst is back after them."""

    name: str
    subject: str
    surface: str
    rate_class: str
    amount: int
    seconds: int
    ceiling: int
    is_burst: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """A rule with the id of whom it is counted for."""

    rule: Rule
    subject_id: str

    @property
    def key(self) -> str:
        """The name of its counter in Redis."""
        return f"writ:limit:{self.rule.name}:{self.subject_id}"


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked for one request; `packed` is the command for Redis, ready to send."""

    counted: tuple[Counted, ...]
    packed: bytes


class Book:
    """All policies of one revision, and what has been made of them so far."""

    def __init__(
        self,
        revision: str,
        policies: Iterable[tuple[UUID, Policy]],
        home: UUID,
        factor: float = 1.0,
        made: float | None = None,
    ) -> None:
        """`policies` are those that organizations have; `home` is the organization of whoever is not known.

        `made` is when they were read, on the monotonic clock; now when absent.
        """
        self.revision = revision
        self.made = time.monotonic() if made is None else made
        self.demands: dict[tuple[object, ...], Demand] = {}
        self._home = home
        self._factor = factor
        self._plans: dict[tuple[object, ...], tuple[Rule, ...]] = {}
        self._own: dict[UUID, list[Policy]] = defaultdict(list)
        for organization, policy in policies:
            self._own[organization].append(policy)

    def keep(self, key: tuple[object, ...], demand: Demand) -> None:
        """Keep a demand for the next request like this one."""
        if len(self.demands) >= _KEPT:
            self.demands.clear()
        self.demands[key] = demand

    def policies_of(self, organization: UUID | None) -> list[Policy]:
        """What holds for an organization: its own, and the defaults whose places it has not taken."""
        own = self._own.get(organization or self._home, [])
        taken = {policy.place for policy in own}
        return [*own, *(policy for policy in DEFAULTS if policy.place not in taken)]

    def count(
        self,
        subjects: Subjects,
        organization: UUID | None,
        surface: str,
        rate_class: str,
        tier: str,
        overrides: Mapping[str, int],
    ) -> tuple[Counted, ...]:
        """The rules of one kind of request, each with whom it is counted for."""
        kinds = tuple(kind for kind, _ in subjects)
        own = tuple(sorted(overrides.items())) if "key" in kinds else ()
        key = (kinds, organization, surface, rate_class, tier, own)
        rules = self._plans.get(key)
        if rules is None:
            if len(self._plans) >= _KEPT:
                self._plans.clear()
            rules = self._plans[key] = self._make(key[0], organization, surface, rate_class, tier, dict(own))
        ids = dict(subjects)
        return tuple(Counted(rule, ids[rule.subject]) for rule in rules)

    def _make(
        self,
        kinds: Sequence[str],
        organization: UUID | None,
        surface: str,
        rate_class: str,
        tier: str,
        overrides: Mapping[str, int],
    ) -> tuple[Rule, ...]:
        found = [
            policy
            for policy in self.policies_of(organization)
            if policy.subject in kinds and policy.covers(surface, rate_class, tier)
        ]
        side = "read" if rate_class == "read" else "write"
        if f"{side}_per_minute" in overrides:
            found = [p for p in found if p.subject != "key" or p.window_seconds >= _HOUR_SECONDS]
        if "per_hour" in overrides:
            found = [p for p in found if p.subject != "key" or p.window_seconds < _HOUR_SECONDS]
        if "burst" in overrides:
            found = [replace(p, burst=None) if p.subject == "key" else p for p in found]
        rules = [rule for policy in found for rule in _rules(policy, self._factor)]
        return (*_own_rules(side, overrides), *rules)


def _rules(policy: Policy, factor: float) -> list[Rule]:
    amount, ceiling = _times(policy.amount, factor), _times(policy.scales_to or 0, factor)
    seconds = policy.window_seconds
    parts = policy.subject, policy.surface, policy.rate_class
    rules = [Rule(policy.name, *parts, amount, seconds, max(amount, ceiling), is_burst=False)]
    if policy.burst is not None:
        most = _times(policy.burst, factor)
        rules.append(Rule(f"{policy.name}-burst", *parts, most, BURST_SECONDS, most, is_burst=True))
    return rules


def _own_rules(side: str, overrides: Mapping[str, int]) -> list[Rule]:
    # What a key has of its own is counted over all surfaces together.
    rules = []
    if (amount := overrides.get(f"{side}_per_minute")) is not None:
        rules.append(_own(f"{side}-1m", side, amount, 60))
    if (amount := overrides.get("per_hour")) is not None:
        rules.append(_own(format_window(_HOUR_SECONDS), ANY, amount, _HOUR_SECONDS))
    if (amount := overrides.get("burst")) is not None:
        rules.append(_own("burst", ANY, amount, BURST_SECONDS, is_burst=True))
    return rules


def _own(name: str, side: str, amount: int, seconds: int, *, is_burst: bool = False) -> Rule:
    amount = max(1, min(MOST, amount))
    return Rule(f"key-own-{name}", "key", ANY, side, amount, seconds, amount, is_burst)


def _times(amount: int, factor: float) -> int:
    return 0 if amount == 0 else max(1, min(MOST, round(amount * factor)))
