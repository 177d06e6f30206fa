"""The times that a query names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from writ.contract.errors import FieldError
from writ.contract.violations import refuse

EARLIEST, LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
"""Nothing was recorded before, nothing will be after; a day within what can be calculated with."""


def time_in(query: Mapping[str, Any], name: str) -> datetime | None:
    """The time under this name (RFC 3339), brought between EARLIEST and LATEST; None when there is none.

    Raises:
        Refusal: VALIDATION_ERROR for a leap second and the like, which have the form of a time.
    """
    text = query.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        raise refuse([FieldError(f"/query/{name}", "format", "there is no such time")]) from None
    return min(max(moment, EARLIEST), LATEST)
