"""A client of one Writ: its credential, its repetitions, and refusals as exit codes."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import httpx

from writ import __version__

ATTEMPTS = 4
LONGEST_WAIT = 30.0
_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_BEFORE_NEXT = (0.2, 1.0, 3.0)

Body = dict[str, Any]


class Failure(click.ClickException):
    """What ends a command: the server or a job said no. The exit code is 1; of wrong usage it is 2."""


class Unreachable(Failure):
    """No answer."""

    exit_code = 3


class NotAllowed(Failure):
    """The credential is missing, wrong, or not enough."""

    exit_code = 4


@dataclass(slots=True)
class Connection:
    """One Writ at `url`, called with an API key, or with a login where `email` and `password` are given.

    A request that changes something carries an Idempotency-Key, so it is repeated when no answer came, when
    the server is busy (503) or asks for patience (429 with Retry-After up to 30 s), and is done once all the
    same.
    """

    url: str
    key: str | None = None
    email: str | None = None
    password: str | None = None
    transport: httpx.BaseTransport | None = None
    _http: httpx.Client | None = field(default=None, init=False)

    @property
    def http(self) -> httpx.Client:
        """The HTTP client, logged in when that is how it calls.

        Raises:
            NotAllowed: there is no credential, or the login was refused.
        """
        if self._http is None:
            headers = {"User-Agent": f"writ-cli/{__version__}", "Accept": "application/json"}
            if self.key:
                headers["Authorization"] = f"Bearer {self.key}"
            elif not self.email:
                raise NotAllowed("No API key: set WRIT_API_KEY, or name a login with --login.")
            self._http = httpx.Client(
                base_url=f"{self.url.rstrip('/')}/api",
                headers=headers,
                timeout=60.0,
                transport=self.transport,
            )
            if not self.key:
                self._http.headers["Origin"] = self.url.rstrip("/")
                self.call("POST", "/login", {"email": self.email, "password": self.password})
        return self._http

    def call(self, method: str, path: str, body: Body | None = None, **rest: Any) -> Body:
        """The body of the answer to one request.

        Raises:
            Failure: refused; its kinds say whether it was not allowed or there was no answer.
        """
        answer = self.send(method, path, json=body, **rest)
        found: Body = answer.json() if answer.content else {}
        return found

    def send(self, method: str, path: str, *, file: Path | None = None, **rest: Any) -> httpx.Response:
        """One request, repeated where that is safe; every answer of 400 and above is a Failure.

        `file` is streamed as the body.
        """
        http = self.http
        headers = dict(rest.pop("headers", None) or {})
        if method in _UNSAFE and path != "/login":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            try:
                with file.open("rb") if file is not None else nullcontext() as content:
                    answer = http.request(method, path, headers=headers, content=content, **rest)
            except httpx.HTTPError as problem:
                if last or not isinstance(problem, httpx.TransportError):
                    raise Unreachable(f"{self.url} does not answer: {problem}") from None
                time.sleep(_BEFORE_NEXT[attempt])
                continue
            wait = _patience(answer)
            if wait is None or last:
                break
            time.sleep(wait)
        if answer.status_code >= 400:
            raise refused(answer)
        return answer

    def pages(self, path: str, query: Body | None = None, most: int | None = None) -> Iterator[Body]:
        """The items of a list, page after page, up to `most`."""
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        count = 0
        while True:
            size = 100 if most is None else min(100, most - count)
            page = self.call("GET", path, params={**asked, "limit": size})
            for item in page["data"]:
                yield item
                count += 1
            cursor = page["pagination"]["next_cursor"]
            if cursor is None or (most is not None and count >= most):
                return
            asked["cursor"] = cursor

    def close(self) -> None:
        """Log out where there was a login, and close the connections."""
        if self._http is not None:
            if not self.key:
                # Whatever ended the command has been told; the session ends by itself.
                with suppress(Failure):
                    self.send("POST", "/logout")
            self._http.close()


def _patience(answer: httpx.Response) -> float | None:
    """How long to wait before the request is sent again, in seconds; None when it is not to be."""
    if answer.status_code not in (409, 429, 503):
        return None
    text = answer.headers.get("retry-after", "")
    if not text.isdigit():
        return None
    return float(text) if float(text) <= LONGEST_WAIT else None


def refused(answer: httpx.Response) -> Failure:
    """A refusal as people read it: the message, then each fault with its place, then what names it."""
    try:
        body = answer.json()
        lines = [body["message"]]
        lines += [f"  {fault['field']}: {fault['message']}" for fault in body["errors"]]
        lines.append(f"  ({answer.status_code} {body['code']}, {body['request_id']})")
    except (ValueError, KeyError, TypeError):
        lines = [f"{answer.request.method} {answer.request.url} answered {answer.status_code}."]
    kind = NotAllowed if answer.status_code in (401, 403) else Failure
    return kind("\n".join(lines))
