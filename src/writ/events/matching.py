"""Which events a subscription hears of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from writ.events.payload import Tellable
from writ.events.types import follows


def matches_type(event_type: str, wanted: Iterable[str]) -> bool:
    """Say whether one of the types and globs (`environment.*`, `*`) is the event's."""
    return any(follows(event_type, pattern) for pattern in wanted)


def passes(event: Tellable, filters: Mapping[str, Any]) -> bool:
    """Say whether an event passes a subscription's filters: each one that is there must let it through.

    `project_ids`: the event's project is one of them. `subjects`: its subject is, or fits the glob of, one of
    them. `data`: each field, named by a path with dots, has that value.
    """
    projects = filters.get("project_ids")
    if projects is not None and (event.project_id is None or str(event.project_id) not in projects):
        return False
    subjects = filters.get("subjects")
    if subjects and not any(follows(event.subject, pattern) for pattern in subjects):
        return False
    wanted = filters.get("data") or {}
    return all(_same(_find(event.data, path), value) for path, value in wanted.items())


_NOTHING = object()


def _find(data: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(data, dict) or part not in data:
            return _NOTHING
        data = data[part]
    return data


def _same(found: Any, wanted: Any) -> bool:
    # True is not 1 here.
    return type(found) is type(wanted) and bool(found == wanted)
