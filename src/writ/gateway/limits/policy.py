"""What a policy is: so much of something, by somebody, in a time."""

from __future__ import annotations

import re
from dataclasses import dataclass

ANY = "*"
SURFACES = ("publishing", "studio", "content", "oauth", "platform", "hosting")
"""The surfaces of the contract's x-surfaces."""

CLASSES = ("read", "write", "upload", "batch", "webhook")
CONTENT = "content"
"""A rate class of policies only: reads and writes, counted together."""

MOST = 100_000_000
"""The largest amount. Its product with the longest window, in milliseconds, is a whole number in a double."""

LONGEST_SECONDS = 86_400
BURST_SECONDS = 10
"""The time after which a burst is whole again."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_WINDOW = re.compile(r"([1-9][0-9]{0,5})([smhd])")


@dataclass(frozen=True, slots=True)
class Policy:
    """At most `amount` requests in any `window_seconds`, and at most `burst` of them at once.

    It is counted for each `subject` on its own, over all operations of its `surface` and `rate_class`, and is
    for callers of its `tier`; `*` means any. With `scales_to`, who makes use of the amount gets more: up to
    twice what was used in the window before, and never more than that.
    """

    subject: str
    surface: str
    rate_class: str
    amount: int
    window_seconds: int
    tier: str = ANY
    burst: int | None = None
    scales_to: int | None = None

    @property
    def name(self) -> str:
        """A name that no other policy of an organization has, for people and for counters."""
        kind = [word for word in (self.surface, self.rate_class, self.tier) if word != ANY]
        return "-".join([self.subject, *kind, format_window(self.window_seconds)])

    @property
    def place(self) -> tuple[str, str, str, str]:
        """What it is for; a policy of an organization stands for the defaults of the same place."""
        return self.subject, self.surface, self.rate_class, self.tier

    def covers(self, surface: str, rate_class: str, tier: str) -> bool:
        """Whether it counts requests of this kind."""
        return (
            self.surface in (ANY, surface)
            and self.tier in (ANY, tier)
            and (
                self.rate_class in (ANY, rate_class)
                or (self.rate_class == CONTENT and rate_class in ("read", "write"))
            )
        )


def parse_window(value: str | int) -> int:
    """The seconds of a window: a number of them, or a text like 90s, 1m, 1h or 1d.

    Raises:
        ValueError: it is none, or not between a second and a day.
    """
    if isinstance(value, str):
        found = _WINDOW.fullmatch(value)
        if found is None:
            raise ValueError("is no window; write it like 60s, 1m, 1h or 1d")
        value = int(found[1]) * _UNITS[found[2]]
    if not 1 <= value <= LONGEST_SECONDS:
        raise ValueError("is not between one second and one day")
    return value


def format_window(seconds: int) -> str:
    """The window as the shortest text: 3600 is 1h, 90 is 90s."""
    unit = next(unit for unit in "dhms" if seconds % _UNITS[unit] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"
