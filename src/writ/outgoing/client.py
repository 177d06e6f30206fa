"""Download a file from an address that a stranger named."""

from __future__ import annotations

import base64
import errno
import hashlib
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin

import httpcore

from writ.contract.errors import Refusal
from writ.outgoing.guard import HostUnknown, Network, Target, parse_url, resolve_allowed
from writ.processes import StopSignal, check_stop

MAX_REDIRECTS = 3
CONNECT_SECONDS = 15.0
SILENCE_SECONDS = 30.0
SLICE_SECONDS = 0.25
_REDIRECTS = {301, 302, 303, 307, 308}

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What arrived: bytes, sha256 in hex, and the address that it came from at last, without credentials."""

    size: int
    sha256: str
    source: str


def download(
    url: str,
    to: Path,
    *,
    max_bytes: int,
    timeout: float,
    stop: StopSignal | None = None,
    trusted: Sequence[Network] = (),
    progress: Progress | None = None,
) -> Downloaded:
    """Fetch `url` by GET into the file `to`.

    Every connection goes to an address that was vetted in the same moment, so a name that changes its mind
    gains nothing; each of at most 3 redirects is vetted again. http only within `trusted`. `timeout`
    (seconds) covers all of it. `progress(received, total or None)` is called as bytes arrive. The file is
    removed on failure.

    Raises Refusal URL_NOT_ALLOWED, DOWNLOAD_FAILED, ARCHIVE_TOO_LARGE, DISK_FULL, and Stopped.
    """
    clock = _Clock(time.monotonic() + timeout, stop)
    target = parse_url(url, trusted)
    login = target.userinfo
    try:
        for _ in range(MAX_REDIRECTS + 1):
            found = _get(target, login, to, max_bytes, clock, trusted, progress)
            if isinstance(found, Downloaded):
                return found
            following = parse_url(urljoin(target.url, found), trusted)
            same_origin = (following.scheme, following.authority) == (target.scheme, target.authority)
            login = following.userinfo or (login if same_origin else None)
            target = following
    except BaseException:
        to.unlink(missing_ok=True)
        raise
    raise Refusal("DOWNLOAD_FAILED", f"More than {MAX_REDIRECTS} redirects. Give the address where they end.")


def _get(
    target: Target,
    login: str | None,
    to: Path,
    max_bytes: int,
    clock: _Clock,
    trusted: Sequence[Network],
    progress: Progress | None,
) -> Downloaded | str:
    """Return what was downloaded, or the place that a redirect names."""
    headers: dict[bytes | str, bytes | str] = {
        "Host": target.authority,
        "User-Agent": "writ",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
    }
    if login is not None:
        token = base64.b64encode(unquote(login).encode()).decode("ascii")
        headers["Authorization"] = f"Basic {token}"
    backend = PinnedBackend(trusted, only_trusted=target.scheme == "http", clock=clock)
    limits = {"connect": CONNECT_SECONDS, "read": SILENCE_SECONDS, "write": SILENCE_SECONDS}
    try:
        with (
            httpcore.ConnectionPool(
                ssl_context=ssl.create_default_context(), network_backend=backend, retries=0
            ) as pool,
            pool.stream("GET", target.url, headers=headers, extensions={"timeout": limits}) as response,
        ):
            fields = {name.lower(): value for name, value in response.headers}
            if response.status in _REDIRECTS and b"location" in fields:
                return fields[b"location"].decode("ascii", "replace")
            if response.status != 200:
                raise Refusal(
                    "DOWNLOAD_FAILED",
                    f"{target.shown} answered {response.status}; 200 was expected. Check that the address"
                    " can be"
                    " read without logging in.",
                )
            return _save(response, fields, target, to, max_bytes, clock, progress)
    except HostUnknown:
        raise Refusal(
            "DOWNLOAD_FAILED", f"The host of {target.shown} is not known. Check the name."
        ) from None
    except (httpcore.TimeoutException, _TimeOver):
        raise Refusal("DOWNLOAD_FAILED", f"{target.shown} did not answer in time. Try again later.") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError) as fault:
        reason = (
            "its certificate is not valid" if "CERTIFICATE_VERIFY" in str(fault) else "the connection failed"
        )
        raise Refusal(
            "DOWNLOAD_FAILED", f"{target.shown} could not be read: {reason}. Try again later."
        ) from None


def _save(
    response: httpcore.Response,
    fields: dict[bytes, bytes],
    target: Target,
    to: Path,
    max_bytes: int,
    clock: _Clock,
    progress: Progress | None,
) -> Downloaded:
    stated = fields.get(b"content-length", b"")
    total = int(stated) if stated.isdigit() else None
    if total is not None and total > max_bytes:
        raise _too_large(target, max_bytes)
    digest, size = hashlib.sha256(), 0
    try:
        with to.open("wb") as out:
            for chunk in response.iter_stream():
                clock.check()
                size += len(chunk)
                # The stated length is a promise of the other side: what counts is what came.
                if size > max_bytes:
                    raise _too_large(target, max_bytes)
                digest.update(chunk)
                out.write(chunk)
                if progress is not None:
                    progress(size, total)
    except OSError as fault:
        if fault.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Refusal("DISK_FULL", "The disk filled up during the download. Free some space.") from None
        raise
    return Downloaded(size, digest.hexdigest(), target.shown)


def _too_large(target: Target, max_bytes: int) -> Refusal:
    return Refusal("ARCHIVE_TOO_LARGE", f"{target.shown} is larger than the allowed {max_bytes} bytes.")


class _TimeOver(Exception):
    pass


@dataclass(frozen=True, slots=True)
class _Clock:
    deadline: float
    stop: StopSignal | None

    def check(self) -> None:
        check_stop(self.stop)
        if time.monotonic() >= self.deadline:
            raise _TimeOver

    def left(self, limit: float | None) -> float:
        return max(
            0.001, min(self.deadline - time.monotonic(), limit if limit is not None else SILENCE_SECONDS)
        )


class PinnedBackend(httpcore.NetworkBackend):
    """Connects to vetted addresses only. The name that TLS checks stays the host's own."""

    def __init__(self, trusted: Sequence[Network], *, only_trusted: bool, clock: _Clock) -> None:
        self._trusted = trusted
        self._only_trusted = only_trusted
        self._clock = clock
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve, vet and connect in one act; each address is tried in turn."""
        fault: Exception = httpcore.ConnectError("no address")
        for address in resolve_allowed(host, port, self._trusted, only_trusted=self._only_trusted):
            self._clock.check()
            try:
                stream = self._sockets.connect_tcp(
                    str(address), port, self._clock.left(timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                fault = error
            else:
                return _WatchedStream(stream, self._clock)
        raise fault

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        """Refuse: no URL leads to a socket of this machine."""
        raise httpcore.ConnectError("unix sockets are not allowed")

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class _WatchedStream(httpcore.NetworkStream):
    """Reads in slices, so that a cancel or the time limit is seen while the other side is silent."""

    def __init__(self, stream: httpcore.NetworkStream, clock: _Clock) -> None:
        self._stream = stream
        self._clock = clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        silent_until = time.monotonic() + (timeout if timeout is not None else SILENCE_SECONDS)
        while True:
            self._clock.check()
            try:
                return self._stream.read(max_bytes, SLICE_SECONDS)
            except httpcore.ReadTimeout:
                if time.monotonic() >= silent_until:
                    raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._clock.check()
        self._stream.write(buffer, self._clock.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self._clock.check()
        inner = self._stream.start_tls(ssl_context, server_hostname, self._clock.left(timeout))
        return _WatchedStream(inner, self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
