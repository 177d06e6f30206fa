"""The session's cookie: given at login, taken back at logout (RFC 6265)."""

from __future__ import annotations

COOKIE = "session_token"
_ATTRIBUTES = "Path=/; HttpOnly; SameSite=Lax"


def session_cookie(token: str, hours: int, scheme: str) -> str:
    """The Set-Cookie value that gives a browser its session for so many hours.

    `scheme` is what people use to reach the server (`Call.scheme`): over https the cookie is Secure.
    """
    return f"{COOKIE}={token}; {_ATTRIBUTES}; Max-Age={hours * 3600}{_secure(scheme)}"


def clearing_cookie(scheme: str) -> str:
    """The Set-Cookie value that makes a browser forget its session."""
    return f"{COOKIE}=; {_ATTRIBUTES}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT{_secure(scheme)}"


def _secure(scheme: str) -> str:
    return "; Secure" if scheme == "https" else ""
