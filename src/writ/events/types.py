"""The types of events that a reader asks for, by name or by pattern."""

from __future__ import annotations

from collections.abc import Iterable

from writ_contract.errors import EVENT_TYPE_UNKNOWN
from writ_contract.events import ALL_EVENTS

from writ.contract.errors import Refusal


def expand_types(patterns: Iterable[str], *, field: str) -> frozenset[str]:
    """The types that the patterns name; an asterisk stands for any letters.

    Raises:
        Refusal: EVENT_TYPE_UNKNOWN, with the field, for a pattern that no type follows.
    """
    found: set[str] = set()
    for pattern in patterns:
        meant = {name for name in ALL_EVENTS if follows(name, pattern)}
        if not meant:
            raise Refusal(EVENT_TYPE_UNKNOWN, f"No type of event is named {pattern}.", field=field)
        found |= meant
    return frozenset(found)


def follows(name: str, pattern: str) -> bool:
    """Whether a name follows a pattern; in linear time, however many asterisks there are."""
    first, *middle = pattern.split("*")
    if not middle:
        return name == pattern
    last = middle.pop()
    if not name.startswith(first) or not name.endswith(last) or len(name) < len(first) + len(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:
        at = name.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True
