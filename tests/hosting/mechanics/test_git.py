from __future__ import annotations

import os
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.outgoing.web import Authority, Web, make_authority, serve
from writ.contract.errors import Refusal
from writ.hosting.sources import archives
from writ.hosting.sources.git import Fetched, GitFetcher
from writ.hosting.sources.refs import GitSource, parse_git
from writ.processes import Stopped

LOOPBACK = [ip_network("127.0.0.0/8")]
PERSON = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com"}
PERSON |= {
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | PERSON,
    )
    return done.stdout.strip()


class Repository:
    """A repository with the branches main and next, the annotated tag v1, and three commits."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        git(folder, "init", "-q", "-b", "main")
        self.first = self.commit("one")
        git(folder, "tag", "-a", "v1", "-m", "one")
        self.second = self.commit("two")
        git(folder, "checkout", "-q", "-b", "next/big")
        self.third = self.commit("three")
        git(folder, "checkout", "-q", "main")

    def commit(self, text: str) -> str:
        (self.folder / "index.html").write_text(text)
        git(self.folder, "add", ".")
        git(self.folder, "commit", "-q", "-m", text)
        return git(self.folder, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("trusted") / "site")


@pytest.fixture
def fetcher(repository: Repository, tmp_path: Path) -> GitFetcher:
    return GitFetcher(
        tmp_path / "known_hosts",
        trusted_networks=LOOPBACK,
        trusted_paths=[repository.folder.parent],
        timeout=20,
    )


def index_of(found: Fetched) -> str:
    with tarfile.open(found.tar) as tar:
        file = tar.extractfile("index.html")
        assert file is not None
        return file.read().decode()


def from_folder(repository: Repository, ref: str) -> GitSource:
    return parse_git(f"file://{repository.folder}#{ref}", trusted_paths=[repository.folder.parent])


def test_branches_tags_and_commits_from_a_folder(
    repository: Repository, fetcher: GitFetcher, tmp_path: Path
) -> None:
    expected = {
        "main": ("two", repository.second),
        "next/big": ("three", repository.third),
        "v1": ("one", repository.first),
        "refs/heads/main": ("two", repository.second),
        "HEAD": ("two", repository.second),
        repository.first: ("one", repository.first),
        repository.first[:10]: ("one", repository.first),
    }
    for ref, (text, commit) in expected.items():
        found = fetcher.fetch(from_folder(repository, ref), tmp_path / "scratch")
        assert (index_of(found), found.commit) == (text, commit), ref
    assert sorted(p.name for p in (tmp_path / "scratch").iterdir()) == ["gitconfig", "source.tar"]


@pytest.mark.parametrize("ref", ["nowhere", "1234567", "f" * 40, "refs/heads/nowhere"])
def test_an_unknown_ref(ref: str, repository: Repository, fetcher: GitFetcher, tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        fetcher.fetch(from_folder(repository, ref), tmp_path / "scratch")
    assert refused.value.code == "SOURCE_REF_NOT_FOUND"


def test_hooks_and_configuration_of_the_machine_are_not_used(
    repository: Repository, fetcher: GitFetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A global configuration that would rewrite the address and run a program has no say."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f'[url "file:///nowhere/"]\n insteadOf = "{repository.folder}"\n'
        f"[core]\n fsmonitor = touch {tmp_path}/ran\n"
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    assert index_of(fetcher.fetch(from_folder(repository, "main"), tmp_path / "scratch")) == "two"
    assert not (tmp_path / "ran").exists()


def test_a_folder_that_became_a_link_elsewhere_is_refused(
    repository: Repository, fetcher: GitFetcher, tmp_path: Path
) -> None:
    trusted = tmp_path / "trusted"
    (trusted / "site").mkdir(parents=True)
    fetcher.trusted_paths = [trusted]
    source = parse_git(f"file://{trusted}/site#main", trusted_paths=[trusted])
    (trusted / "site").rmdir()
    (trusted / "site").symlink_to(repository.folder)
    with pytest.raises(Refusal, match="SOURCE_NOT_ALLOWED"):
        fetcher.fetch(source, tmp_path / "scratch")


def test_a_folder_without_a_repository_is_unavailable(fetcher: GitFetcher, tmp_path: Path) -> None:
    fetcher.trusted_paths = [tmp_path]
    source = parse_git(f"file://{tmp_path}#main", trusted_paths=[tmp_path])
    with pytest.raises(Refusal, match="SOURCE_UNAVAILABLE"):
        fetcher.fetch(source, tmp_path / "scratch")


def test_links_that_leave_the_tree_are_stopped_behind_git(fetcher: GitFetcher, tmp_path: Path) -> None:
    trusted = tmp_path / "trusted"
    repository = Repository(trusted / "site")
    (repository.folder / "passwd").symlink_to("/etc/passwd")
    repository.commit("four")
    fetcher.trusted_paths = [trusted]
    source = parse_git(f"file://{repository.folder}#main", trusted_paths=[trusted])
    found = fetcher.fetch(source, tmp_path / "scratch")
    with pytest.raises(Refusal, match="ARCHIVE_UNSAFE"):
        archives.sanitise(found.tar, tmp_path / "clean.tar")


def test_stop(repository: Repository, fetcher: GitFetcher, tmp_path: Path) -> None:
    fetcher.stop = threading.Event()
    fetcher.stop.set()
    with pytest.raises(Stopped):
        fetcher.fetch(from_folder(repository, "main"), tmp_path / "scratch")


def backend(root: Path) -> object:
    """git's own http-backend behind the server, which wants a password below /private."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        if parts.path.startswith("/moved/"):
            request.send_response(301)
            request.send_header("Location", request.path.replace("/moved/", "/"))
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        if (
            parts.path.startswith("/private/")
            and request.headers.get("Authorization") != "Basic bWU6czNjcmV0"
        ):
            request.send_response(401)
            request.send_header("WWW-Authenticate", 'Basic realm="x"')
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        body = request.rfile.read(int(request.headers.get("Content-Length", "0")))
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            capture_output=True,
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "safe.directory",
                "GIT_CONFIG_VALUE_0": "*",
                "PATH_INFO": parts.path.removeprefix("/private"),
                "QUERY_STRING": parts.query,
                "REQUEST_METHOD": request.command,
                "CONTENT_TYPE": request.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            },
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = [line.partition(": ") for line in head.decode().split("\r\n")]
        status = next((value for name, _, value in fields if name == "Status"), "200 OK")
        request.send_response(int(status.split()[0]))
        for name, _, value in fields:
            if name != "Status":
                request.send_header(name, value)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    return answer


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def web(repository: Repository, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("GIT_SSL_CAINFO", str(authority.ca))
    with serve(backend(repository.folder.parent), authority) as running:  # type: ignore[arg-type]
        yield running


def over_https(web: Web, path: str, ref: str, login: str = "") -> GitSource:
    return parse_git(f"https://{login}127.0.0.1:{web.port}{path}#{ref}", trusted_networks=LOOPBACK)


def test_branches_tags_and_commits_over_https(
    repository: Repository, fetcher: GitFetcher, web: Web, tmp_path: Path
) -> None:
    for ref, text in {"main": "two", "v1": "one", repository.first: "one", "next/big": "three"}.items():
        assert index_of(fetcher.fetch(over_https(web, "/site/.git", ref), tmp_path / "scratch")) == text, ref
    with pytest.raises(Refusal, match="SOURCE_REF_NOT_FOUND"):
        fetcher.fetch(over_https(web, "/site/.git", "nowhere"), tmp_path / "scratch")


def test_the_vetted_address_is_pinned(
    repository: Repository, fetcher: GitFetcher, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host is in no DNS: git is told its address, and still checks the name in the certificate."""
    monkeypatch.setattr(
        "writ.hosting.sources.git.resolve_allowed", lambda *_, **__: [LOOPBACK[0].network_address + 1]
    )
    source = parse_git(f"https://git.example.test:{web.port}/site/.git#main")
    assert index_of(fetcher.fetch(source, tmp_path / "scratch")) == "two"
    other = parse_git(f"https://other.example.test:{web.port}/site/.git#main")
    with pytest.raises(Refusal, match="SOURCE_UNAVAILABLE"):
        fetcher.fetch(other, tmp_path / "scratch")


def test_private_repositories(fetcher: GitFetcher, web: Web, tmp_path: Path) -> None:
    source = over_https(web, "/private/site/.git", "main", "me:s3cret@")
    assert index_of(fetcher.fetch(source, tmp_path / "scratch")) == "two"
    with pytest.raises(Refusal) as refused:
        fetcher.fetch(over_https(web, "/private/site/.git", "main", "me:wr0ng@"), tmp_path / "scratch")
    assert refused.value.code == "SOURCE_UNAVAILABLE"
    assert "wr0ng" not in refused.value.message


def test_redirects_are_not_followed(fetcher: GitFetcher, web: Web, tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        fetcher.fetch(over_https(web, "/moved/site/.git", "main"), tmp_path / "scratch")
    assert refused.value.code == "SOURCE_UNAVAILABLE"
    assert all(path.startswith("/moved/") for path, _ in web.seen)


def test_a_wrong_certificate_is_refused(
    fetcher: GitFetcher, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GIT_SSL_CAINFO")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with pytest.raises(Refusal, match="SOURCE_UNAVAILABLE"):
        fetcher.fetch(over_https(web, "/site/.git", "main"), tmp_path / "scratch")


@pytest.mark.parametrize("url", ["https://localhost./x", "ssh://git@loop.example.test/x"])
def test_a_name_that_leads_inside_is_refused(
    url: str, fetcher: GitFetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        __import__("writ.outgoing.guard", fromlist=["x"]).resolve_allowed.__kwdefaults__,
        "resolver",
        lambda *_, **__: [(2, 1, 6, "", ("127.0.0.1", 0))],
    )
    source = parse_git(f"{url}#main", trusted_networks=LOOPBACK)
    fetcher.trusted_networks = ()
    with pytest.raises(Refusal) as refused:
        fetcher.fetch(source, tmp_path / "scratch")
    assert refused.value.code == "SOURCE_NOT_ALLOWED"


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:1/x", "ssh://git@127.0.0.1:1/x", "https://no-such.invalid/x"]
)
def test_an_unreachable_host_is_unavailable(url: str, fetcher: GitFetcher, tmp_path: Path) -> None:
    source = parse_git(f"{url}#main", trusted_networks=LOOPBACK)
    with pytest.raises(Refusal) as refused:
        fetcher.fetch(source, tmp_path / "scratch")
    assert refused.value.code == "SOURCE_UNAVAILABLE"
    assert str(tmp_path) not in refused.value.message
