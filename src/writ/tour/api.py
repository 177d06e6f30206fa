"""The tour's client: login, orders, jobs, and the sites as visitors see them. Nothing but public HTTP."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx

FINAL = frozenset({"succeeded", "failed", "cancelled"})
POLL_SECONDS = 0.15
JOB_SECONDS = 180.0

Body = dict[str, Any]


class TourFailure(Exception):
    """Something was not as it must be; the message says what was expected and what was found."""


class Api:
    """A logged-in client of one running Writ."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        self._site_host = parts.hostname or "127.0.0.1"
        self._http = httpx.Client(
            base_url=f"{self.url}/api/",
            headers={"Origin": f"{parts.scheme}://{parts.netloc}"},
            timeout=60.0,
            trust_env=False,
            transport=transport,
        )
        # Another client: what visitors get must not depend on the admin's cookie.
        self._visitor = httpx.Client(timeout=20.0, trust_env=False, transport=transport)

    def login(self, email: str, password: str) -> None:
        """Logs in; the session's cookie stays with this client."""
        self.send("POST", "login", {"email": email, "password": password}, expect=200)

    def logout(self) -> None:
        """Ends the session."""
        self.send("POST", "logout", expect=200)

    def send(self, method: str, path: str, body: Body | None = None, *, expect: int) -> Body:
        """One call; returns the answer's body. Raises TourFailure for another status than expected."""
        answer = self._call(method, path, json=body)
        if answer.status_code != expect:
            raise TourFailure(
                f"{method} /{path} must answer {expect}: {answer.status_code} {answer.text[:300]}"
            )
        found: Body = answer.json()
        return found

    def order(self, path: str, body: Body | None = None, *, method: str = "POST") -> str:
        """Places an order and returns the job's id."""
        job_id: str = self.send(method, path, body, expect=202)["job_id"]
        return job_id

    def upload(self, archive: bytes) -> str:
        """Uploads a zip archive and returns its id, once the server's checksum has been compared."""
        answer = self._call("POST", "uploads", content=archive, headers={"Content-Type": "application/zip"})
        if answer.status_code != 201:
            raise TourFailure(f"POST /uploads must answer 201: {answer.status_code} {answer.text[:300]}")
        found = answer.json()
        if found["sha256"] != hashlib.sha256(archive).hexdigest():
            raise TourFailure("the sha256 of the upload is not that of the archive")
        upload_id: str = found["upload_id"]
        return upload_id

    def follow(self, job_id: str, see: Callable[[Body], None]) -> Body:
        """Watches a job to its end and returns it; `see` gets every state on the way."""
        deadline = time.monotonic() + JOB_SECONDS
        while True:
            job = self.send("GET", f"jobs/{job_id}", expect=200)
            see(job)
            if job["status"] in FINAL:
                return job
            if time.monotonic() > deadline:
                raise TourFailure(
                    f"job {job_id} ({job['kind']}) is still {job['status']} after {JOB_SECONDS:.0f} s"
                )
            time.sleep(POLL_SECONDS)

    def download(self, path: str) -> tuple[int, str]:
        """Downloads a file; returns its size in bytes and its sha256."""
        digest, size = hashlib.sha256(), 0
        with self._http.stream("GET", path) as answer:
            if answer.status_code != 200:
                raise TourFailure(f"GET /{path} must answer 200: {answer.status_code}")
            for chunk in answer.iter_bytes():
                digest.update(chunk)
                size += len(chunk)
        return size, digest.hexdigest()

    def visit(self, url: str, path: str = "/", *, hostname: str | None = None) -> httpx.Response:
        """Fetches a page of a site as a visitor does.

        The name in the address need not resolve here: the connection goes to Writ's machine, the name into
        Host.
        """
        parts = urlsplit(url)
        host = hostname or parts.hostname or ""
        port = parts.port or 80
        address = f"[{self._site_host}]" if ":" in self._site_host else self._site_host
        try:
            return self._visitor.get(f"http://{address}:{port}{path}", headers={"Host": f"{host}:{port}"})
        except httpx.HTTPError as problem:
            raise TourFailure(f"the site {host} does not answer: {problem!r}") from None

    def _call(self, method: str, path: str, **rest: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **rest)
        except httpx.HTTPError as problem:
            raise TourFailure(f"{method} {self.url}/api/{path} got no answer: {problem!r}") from None
