"""The page that asks a user whether an application may act for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from writ.access.oauth.clients import Client
from writ.gateway.call import Answer

_ACTIONS = {
    "read": "see",
    "write": "change",
    "run": "run",
    "manage": "manage",
    "deploy": "deploy and roll back",
    "restore": "restore backups of",
    "backup": "make, download and delete backups of",
    "login": "log in to",
}


def consent_page(
    client: Client, email: str, scopes: Iterable[str], redirect_uri: str, fields: Mapping[str, str]
) -> Answer:
    """The page. Everything on it that came with the request or was registered is escaped.

    It loads nothing, runs nothing, may not be framed (RFC 6749, section 10.13), and its form leads here and,
    after the answer, to the application only.
    """
    parts = urlsplit(redirect_uri)
    target = f"{parts.scheme}://{parts.netloc}"
    page = _template().substitute(
        name=escape(client.name),
        email=escape(email),
        target=escape(parts.netloc),
        action="/api/oauth/authorize",
        scopes="\n".join(f"    <li>{escape(_words(s))} <code>{escape(s)}</code></li>" for s in scopes),
        fields="\n".join(
            f'    <input type="hidden" name="{escape(name)}" value="{escape(value)}">'
            for name, value in fields.items()
        ),
    )
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self' {target}"
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Frame-Options": "DENY",
        # Not no-referrer: with it browsers send the form with `Origin: null`, which is refused.
        "Referrer-Policy": "same-origin",
    }
    return Answer(200, None, headers, stream=iter([page.encode()]), media_type="text/html; charset=utf-8")


def _words(scope: str) -> str:
    system, _, action = scope.rpartition(".")
    return f"{_ACTIONS.get(action, action)} {system}"


@cache
def _template() -> Template:
    return Template(Path(__file__).with_name("consent.html").read_text(encoding="utf-8"))
