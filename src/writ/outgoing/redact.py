"""Keep credentials out of logs and messages."""

from __future__ import annotations

import re

# Greedy up to the last @ before the path: a password may hold an unescaped @.
_USERINFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#'\"]*@")


def strip_credentials(text: str) -> str:
    """Return `text` with the user and password part removed from every URL in it."""
    return _USERINFO.sub(r"\1", text)
