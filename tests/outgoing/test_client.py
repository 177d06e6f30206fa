from __future__ import annotations

import base64
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.outgoing.web import Authority, Web, serve
from writ.contract.errors import Refusal
from writ.outgoing import guard
from writ.outgoing.client import Downloaded, download
from writ.processes import Stopped

LOOPBACK = [ip_network("127.0.0.1/32")]
DATA = os.urandom(400_000)


def answer(request: BaseHTTPRequestHandler) -> None:
    where, _, rest = request.path.lstrip("/").partition("/")
    if where == "to":
        request.send_response(302)
        request.send_header("Location", rest.replace("~", "/") if rest.startswith("~") else f"https://{rest}")
        request.send_header("Content-Length", "0")
        request.end_headers()
        return
    if where == "status":
        request.send_response(int(rest))
        request.send_header("Content-Length", "0")
        request.end_headers()
        return
    request.send_response(200)
    if where in ("file", "short"):
        request.send_header("Content-Length", str(len(DATA) + (10 if where == "short" else 0)))
    request.end_headers()
    if where == "slow":
        request.wfile.write(b"x")
        request.wfile.flush()
        time.sleep(5)
        return
    request.wfile.write(DATA)


@pytest.fixture
def web(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    with serve(answer, authority) as running:
        yield running


def get(web: Web, path: str, to: Path, **options: object) -> Downloaded:
    settings: dict[str, object] = {"max_bytes": 1_000_000, "timeout": 10.0, "trusted": LOOPBACK} | options
    return download(f"https://localhost:{web.port}/{path}", to, **settings)  # type: ignore[arg-type]


def refusal(web: Web, path: str, to: Path, **options: object) -> Refusal:
    with pytest.raises(Refusal) as refused:
        get(web, path, to, **options)
    assert not to.exists()
    return refused.value


@pytest.fixture(autouse=True)
def _only_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server listens on 127.0.0.1; a machine may resolve localhost to ::1 as well."""
    system = guard.resolve_allowed.__kwdefaults__["resolver"]

    def resolver(host: str, port: int, **options: object) -> object:
        found = system(host, port, **options)
        return [one for one in found if one[4][0] != "::1"] or found

    monkeypatch.setitem(guard.resolve_allowed.__kwdefaults__, "resolver", resolver)


@pytest.mark.parametrize("path", ["file", "unstated"])
def test_a_file_comes_whole(web: Web, path: str, tmp_path: Path) -> None:
    steps: list[int] = []
    found = get(web, path, tmp_path / "a", progress=lambda done, total: steps.append(done))
    assert (tmp_path / "a").read_bytes() == DATA
    assert found == Downloaded(
        len(DATA), hashlib.sha256(DATA).hexdigest(), f"https://localhost:{web.port}/{path}"
    )
    assert steps[-1] == len(DATA)


def test_a_private_address_is_refused_without_trust(web: Web, tmp_path: Path) -> None:
    assert refusal(web, "file", tmp_path / "a", trusted=()).code == "URL_NOT_ALLOWED"
    assert web.seen == []


def test_a_name_that_changes_its_mind_after_the_check_gains_nothing(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is one look-up a connection: the address that was vetted is the one connected to."""
    answers = iter(["127.0.0.1"])

    def resolver(host: str, port: int, **_: object) -> object:
        return [(2, 1, 6, "", (next(answers), port))]

    monkeypatch.setitem(guard.resolve_allowed.__kwdefaults__, "resolver", resolver)
    url = f"https://git.example.test:{web.port}/file"
    assert download(url, tmp_path / "a", max_bytes=10**6, timeout=10, trusted=LOOPBACK).size == len(DATA)
    answers = iter(["10.0.0.1"])
    with pytest.raises(Refusal, match="URL_NOT_ALLOWED"):
        download(url, tmp_path / "b", max_bytes=10**6, timeout=10, trusted=LOOPBACK)


def test_a_redirect_is_followed_and_vetted_again(web: Web, tmp_path: Path) -> None:
    assert get(web, f"to/localhost:{web.port}/to/~file", tmp_path / "a").size == len(DATA)
    for place in ("10.0.0.1/file", "169.254.169.254/latest/meta-data", "[::1]/file", "2130706434/file"):
        assert refusal(web, f"to/{place}", tmp_path / "b").code == "URL_NOT_ALLOWED"
    web.seen.clear()
    assert refusal(web, f"to/localhost:{web.port}/" * 4 + "file", tmp_path / "b").code == "DOWNLOAD_FAILED"
    assert len(web.seen) == 4


def test_a_redirect_to_another_scheme_is_refused(web: Web, tmp_path: Path) -> None:
    def elsewhere(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", "file:///etc/passwd")
        request.end_headers()

    with serve(elsewhere, None) as other, pytest.raises(Refusal) as refused:
        download(f"http://127.0.0.1:{other.port}/", tmp_path / "a", max_bytes=10, timeout=5, trusted=LOOPBACK)
    assert refused.value.code == "URL_NOT_ALLOWED"


def test_credentials_go_to_their_own_host_only(web: Web, authority: Authority, tmp_path: Path) -> None:
    with serve(answer, authority) as other:
        url = f"https://me:p%40ss@localhost:{web.port}/to/localhost:{other.port}/file"
        found = download(url, tmp_path / "a", max_bytes=10**6, timeout=10, trusted=LOOPBACK)
        assert web.seen[0][1] == "Basic " + base64.b64encode(b"me:p@ss").decode()
        assert other.seen == [("/file", None)]
    assert "me" not in found.source.partition("//")[2].partition("/")[0]


def test_a_wrong_certificate_is_refused(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    found = refusal(web, "file", tmp_path / "a")
    assert (found.code, "certificate" in found.message) == ("DOWNLOAD_FAILED", True)


def test_http_is_for_trusted_networks(tmp_path: Path) -> None:
    with serve(answer, None) as plain:
        url = f"http://127.0.0.1:{plain.port}/file"
        assert download(url, tmp_path / "a", max_bytes=10**6, timeout=5, trusted=LOOPBACK).size == len(DATA)


def test_size_is_counted_as_it_comes(web: Web, tmp_path: Path) -> None:
    assert refusal(web, "file", tmp_path / "a", max_bytes=1000).code == "ARCHIVE_TOO_LARGE"
    assert refusal(web, "unstated", tmp_path / "a", max_bytes=1000).code == "ARCHIVE_TOO_LARGE"


@pytest.mark.parametrize("path", ["status/404", "status/500", "status/204", "short"])
def test_a_bad_answer_is_a_failed_download(web: Web, path: str, tmp_path: Path) -> None:
    assert refusal(web, path, tmp_path / "a").code == "DOWNLOAD_FAILED"


def test_a_host_that_is_not_there(tmp_path: Path) -> None:
    for url in ("https://no-such-host.invalid/a", "https://127.0.0.1:1/a"):
        with pytest.raises(Refusal, match="DOWNLOAD_FAILED"):
            download(url, tmp_path / "a", max_bytes=10, timeout=5, trusted=LOOPBACK)


def test_time_limit_and_stop_are_seen_while_the_server_is_silent(web: Web, tmp_path: Path) -> None:
    began = time.monotonic()
    assert refusal(web, "slow", tmp_path / "a", timeout=0.6).code == "DOWNLOAD_FAILED"
    stop = threading.Event()
    threading.Timer(0.4, stop.set).start()
    with pytest.raises(Stopped):
        get(web, "slow", tmp_path / "a", stop=stop)
    assert time.monotonic() - began < 3
    assert not (tmp_path / "a").exists()
