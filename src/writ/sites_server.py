"""The web server of the embedded node: it serves the sites of files, on a port of its own.

Layout that it reads under the node's root (all of it is written by the hosting rules):

    hosts/<hostname>                    the id of the environment that answers for the hostname
    environments/<id>/current           a link to the release that is live
    environments/<id>/releases/<id>/    the files of a release
    environments/<id>/shared/<n>/       what outlives a release (uploads, SQLite); releases link into it

The control plane has another port, so a site's scripts never share its origin (host and port) nor reach its
cookies by a same-origin request. Conditional requests and ranges follow RFC 9110.
"""

from __future__ import annotations

import hashlib
import itertools
import mimetypes
import os
import re
import stat
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from writ.settings import Settings, get_settings

SCRIPT = re.compile(r"\.(php[0-9s]?|phtml|phar)(?![a-z0-9])", re.IGNORECASE)
"""Names of PHP source, copies such as `wp-config.php~` and `wp-config.php.bak` included."""

HOSTNAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", re.ASCII)
ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", re.ASCII)

INDEXES = ("index.html", "index.htm", "index.php")
HIDDEN_FOLDER = ("wp-content", "database")
"""Where WordPress' SQLite integration keeps the whole database of a site."""

HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
"""`no-cache`: browsers keep a copy but ask each time, so a deploy is seen at once."""


class Hosts:
    """The map from hostname to environment: a file a hostname, so that two orders never collide."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def environment(self, hostname: str) -> str | None:
        """The id of the environment that answers for a hostname (lower case, no port), or None."""
        if not HOSTNAME.fullmatch(hostname):
            return None
        try:
            text = (self._folder / hostname).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        # It becomes part of a path.
        return text if ENVIRONMENT.fullmatch(text) else None


def hostname_of(host_header: str) -> str:
    """The hostname in a Host header: lower case, without port and final dot; empty when there is none."""
    host = host_header.strip().lower()
    if host.startswith("["):
        return host[1:].split("]", 1)[0]
    return host.split(":", 1)[0].removesuffix(".")


@dataclass(frozen=True, slots=True)
class Found:
    """A file to serve: its real path (no link in it), its name in the address, and what stat says of it."""

    path: str
    name: str
    stat: os.stat_result


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer without a file."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A folder asked for without its final slash."""

    location: str


NOT_FOUND = Refused(404, "Not found: this site has no such file.\n")
NO_PHP = Refused(501, "This node has no PHP: it serves files only, and PHP source is never shown.\n")
NO_RELEASE = Refused(404, "Nothing is deployed to this environment yet.\n")


def find(environment: Path, address: str) -> Found | Refused | Moved:
    """What an address (decoded path, beginning with /) means in the live release of an environment.

    `current` is resolved exactly once, so a swap in the middle never mixes two releases.
    """
    try:
        release = os.path.realpath(environment / "current", strict=True)
    except OSError:
        return NO_RELEASE
    home = os.path.realpath(environment)
    if not _inside(release, os.path.join(home, "releases")):
        return NO_RELEASE
    if not address.startswith("/") or "\x00" in address or "\\" in address:
        return NOT_FOUND
    segments = [segment for segment in address.split("/") if segment]
    if _hidden(segments):
        return NOT_FOUND
    if segments and SCRIPT.search(segments[-1]):
        return NO_PHP
    roots = (release, os.path.join(home, "shared"))
    target = _real(os.path.join(release, *segments), roots)
    if target is None:
        return NOT_FOUND
    if os.path.isdir(target):
        if segments and not address.endswith("/"):
            # Built from the segments: an address such as //elsewhere.example must not become another host's.
            return Moved("/" + quote("/".join(segments)) + "/")
        return _index(target, roots)
    if address.endswith("/"):
        return NOT_FOUND
    return _file(target, segments[-1])


def _index(folder: str, roots: tuple[str, str]) -> Found | Refused:
    for name in INDEXES:
        target = _real(os.path.join(folder, name), roots)
        if target is not None and os.path.isfile(target):
            return NO_PHP if name.endswith(".php") else _file(target, name)
    return NOT_FOUND


def _file(target: str, name: str) -> Found | Refused:
    try:
        found = os.stat(target)
    except OSError:
        return NOT_FOUND
    if not stat.S_ISREG(found.st_mode) or not os.access(target, os.R_OK):
        return NOT_FOUND
    return Found(target, name, found)


def _hidden(segments: list[str]) -> bool:
    if any(part.startswith(".") and (part != ".well-known" or place) for place, part in enumerate(segments)):
        return True
    # Anywhere in the path: in the shared folder a generation's name comes first.
    lowered = [part.lower() for part in segments]
    return HIDDEN_FOLDER in itertools.pairwise(lowered)


def _real(path: str, roots: tuple[str, str]) -> str | None:
    """The path without links, when it is within one of the roots and its real name may be shown too."""
    try:
        real = os.path.realpath(path, strict=True)
    except (OSError, ValueError):
        return None
    for root in roots:
        if _inside(real, root):
            inner = [part for part in os.path.relpath(real, root).split(os.sep) if part != os.curdir]
            if _hidden(inner):
                return None
            # A link such as page.txt → wp-config.php would show the source under a harmless name.
            renamed = os.path.basename(real) != os.path.basename(path)
            return None if renamed and SCRIPT.search(os.path.basename(real)) else real
    return None


def _inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root + os.sep)


def entity_tag(found: os.stat_result) -> str:
    """A strong entity tag of a file: another release's file of the same size and time has another inode."""
    text = f"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}"
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'


def unchanged(headers: Headers, tag: str, found: os.stat_result) -> bool:
    """Whether the client's copy is still good; If-None-Match beats If-Modified-Since (RFC 9110, 13.2.2)."""
    tags = headers.get("if-none-match")
    if tags is not None:
        return any(part.strip().removeprefix("W/") in (tag, "*") for part in tags.split(","))
    since = headers.get("if-modified-since")
    if since is None:
        return False
    try:
        return int(found.st_mtime) <= parsedate_to_datetime(since).timestamp()
    except (ValueError, TypeError, OverflowError):
        return False


class SitesServer:
    """The ASGI application: hostname → environment → file of its live release."""

    def __init__(self, node_root: Path) -> None:
        self._root = node_root
        self._hosts = Hosts(node_root / "hosts")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request (ASGI 3)."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            request = Request(scope, receive)
            response = await self.answer(request)
            await response(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def answer(self, request: Request) -> Response:
        """The answer to one request: 200, 206, 301, 304, 404, 405, 416 or 501."""
        if request.method not in ("GET", "HEAD"):
            return _plain(405, "Only GET and HEAD: this node serves files.\n", {"Allow": "GET, HEAD"})
        hostname = hostname_of(request.headers.get("host", ""))
        # One hop to a thread for all that touches the disk: the event loop never waits for it.
        found = await to_thread.run_sync(partial(self._look, hostname, request.scope["path"]))
        if isinstance(found, Refused):
            return _plain(found.status, found.text)
        if isinstance(found, Moved):
            query = f"?{request.url.query}" if request.url.query else ""
            return _plain(301, "", {"Location": found.location + query})
        tag = entity_tag(found.stat)
        response = FileResponse(
            found.path,
            headers={**HEADERS, "ETag": tag},
            stat_result=found.stat,
            media_type=_media_type(found.name),
        )
        if unchanged(request.headers, tag, found.stat):
            kept = {name: response.headers[name] for name in ("etag", "last-modified")}
            return Response(status_code=304, headers={**HEADERS, **kept})
        return response

    def _look(self, hostname: str, address: str) -> Found | Refused | Moved:
        environment = self._hosts.environment(hostname)
        if environment is None:
            return Refused(404, "No site answers to this hostname here.\n")
        return find(self._root / "environments" / environment, address)


def _plain(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(text, status, {**HEADERS, **(headers or {})})


def _media_type(name: str) -> str:
    """The media type by the name in the address; text is UTF-8, as everything that is written today."""
    kind, encoding = mimetypes.guess_type(name)
    if kind is None or encoding is not None:
        return "application/octet-stream"
    return kind


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def create_sites_app(settings: Settings | None = None) -> ASGIApp:
    """The sites server of the embedded node of these settings (default: those of the environment)."""
    return SitesServer((settings or get_settings()).node_root)
