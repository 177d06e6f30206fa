"""What a check has to say: where, what is wrong, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of the contract. `rule` is the name of the check that found it."""

    rule: str
    place: str
    wrong: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.place}: {self.wrong}; {self.remedy} [{self.rule}]"


def place_of(path: str, method: str) -> str:
    """Return how a finding names an operation: `GET /sites`."""
    return f"{method.upper()} {path}"
