"""Which events a subscription hears of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import orjson

from writ.events.payload import Told


def matches_type(event_type: str, wanted: Iterable[str]) -> bool:
    """Say whether one of the types and globs (`environment.*`, `*`) is the event's."""
    return any(
        pattern == "*" or pattern == event_type or ("*" in pattern and fnmatchcase(event_type, pattern))
        for pattern in wanted
    )


def names_something(pattern: str, known: Iterable[str]) -> bool:
    """Say whether there is a type that the type or glob stands for."""
    return any(matches_type(event_type, (pattern,)) for event_type in known)


def passes(event: Told, filters: Mapping[str, Any]) -> bool:
    """Say whether an event passes a subscription's filters: each one that is there must let it through.

    `project_ids`: the event's project is one of them. `subjects`: its subject is, or fits the glob of, one of
    them. `data`: each field, named by a path with dots, has that value.
    """
    projects = filters.get("project_ids")
    if projects is not None and (event.project_id is None or str(event.project_id) not in projects):
        return False
    subjects = filters.get("subjects")
    if subjects and not any(fnmatchcase(event.subject, pattern) for pattern in subjects):
        return False
    wanted = filters.get("data")
    if wanted:
        data = orjson.loads(event.data)
        return all(_find(data, path) == value for path, value in wanted.items())
    return True


_NOTHING = object()


def _find(data: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(data, dict) or part not in data:
            return _NOTHING
        data = data[part]
    return data
