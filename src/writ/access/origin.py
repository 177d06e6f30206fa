"""Was an unsafe request with a cookie sent by our own pages? (cross-site request forgery)

SameSite=Lax keeps the cookie out of other sites' requests; this also stops other ports and subdomains of the
same site. The order of evidence, strongest first:

1. `Origin`: must be ours.
2. no Origin, `Sec-Fetch-Site`: must be `same-origin` or `none` (typed or bookmarked). Pages cannot forge it.
3. neither, `Referer`: its origin must be ours.
4. none of them: no browser of the last years sends that with an unsafe method, so it is curl or a program,
   which holds its cookie on purpose. It passes.

Ours are the request's own scheme and Host, and the setting WRIT_PUBLIC_URL.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from writ_contract.errors import ORIGIN_NOT_ALLOWED

from writ.contract.errors import Refusal

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_DEFAULT_PORTS = {"http": 80, "https": 443}


def check_origin(method: str, headers: Mapping[str, str], scheme: str, public_url: str | None = None) -> None:
    """Refuse a request that a foreign page made a browser send; for requests that carry the session's cookie.

    `headers` has lower-case names; `scheme` is the request's own. Raises Refusal ORIGIN_NOT_ALLOWED.
    """
    if method in SAFE_METHODS:
        return
    sender = headers.get("origin")
    if sender is None:
        site = headers.get("sec-fetch-site")
        if site in ("same-origin", "none"):
            return
        sender = headers.get("referer") if site is None else f"{site} page"
        if sender is None:
            return
    origin = _origin_of(sender)
    host = headers.get("host")
    if origin is not None:
        if host and origin == _origin_of(f"{scheme}://{host}"):
            return
        if public_url and origin == _origin_of(public_url):
            return
    raise Refusal(
        ORIGIN_NOT_ALLOWED,
        "This request was sent by a page of another origin. Send it from Writ's own pages, or without a "
        "browser; behind a proxy, set WRIT_PUBLIC_URL to the address that people use.",
    )


@lru_cache(maxsize=256)
def _origin_of(url: str) -> tuple[str, str, int] | None:
    # Scheme, host and port (RFC 6454, section 4); None for "null" and whatever else is no origin.
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or port is None:
        return None
    return parts.scheme, parts.hostname, port
