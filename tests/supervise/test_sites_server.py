"""The web server of the embedded node, over real folders and links."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from writ.sites_server import SitesServer, hostname_of

ADDRESS = "http://live.shop.localhost:9000"
ENVIRONMENT = "0193a1b2-0000-7000-8000-000000000001"
OTHER = "0193a1b2-0000-7000-8000-000000000002"


def make_release(root: Path, environment: str, name: str, files: dict[str, str]) -> Path:
    release = root / "environments" / environment / "releases" / name
    for path, text in files.items():
        target = release / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return release


def activate(root: Path, environment: str, name: str) -> None:
    home = root / "environments" / environment
    (home / "next").symlink_to(f"releases/{name}")
    os.replace(home / "next", home / "current")


def write_hosts(root: Path, hosts: dict[str, str]) -> None:
    folder = root / "hosts"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for hostname, environment in hosts.items():
        (folder / hostname).write_text(environment)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_release(
        tmp_path,
        ENVIRONMENT,
        "1",
        {
            "index.html": "<h1>one</h1>",
            "about/index.html": "about one",
            "style.css": "body{}",
            ".git/config": "secret",
            ".env": "secret",
            ".well-known/token": "proof",
            "wp-config.php": "<?php secret",
            "wp-config.php.bak": "<?php secret",
            "blog/index.php": "<?php secret",
            "wp-content/database/.ht.sqlite": "secret",
            "wp-content/database/wp.sqlite": "secret",
            "name with space.txt": "spaces",
        },
    )
    activate(tmp_path, ENVIRONMENT, "1")
    write_hosts(tmp_path, {"live.shop.localhost": ENVIRONMENT})
    return tmp_path


@pytest.fixture
def client(root: Path) -> Iterator[TestClient]:
    with TestClient(
        SitesServer(root), base_url="http://live.shop.localhost:9000", follow_redirects=False
    ) as it:
        yield it


def test_serves_the_index_and_files(client: TestClient) -> None:
    answer = client.get("/")
    assert (answer.status_code, answer.text) == (200, "<h1>one</h1>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get("/about/").text == "about one"
    assert client.get("/style.css").headers["content-type"].startswith("text/css")
    assert client.get("/name%20with%20space.txt").text == "spaces"


def test_a_swap_is_seen_at_once_even_with_equal_size_and_time(client: TestClient, root: Path) -> None:
    before = client.get("/")
    release = make_release(root, ENVIRONMENT, "2", {"index.html": "<h1>two</h1>"})
    same = os.stat(root / "environments" / ENVIRONMENT / "current" / "index.html")
    os.utime(release / "index.html", ns=(same.st_atime_ns, same.st_mtime_ns))
    activate(root, ENVIRONMENT, "2")
    after = client.get("/", headers={"If-None-Match": before.headers["etag"]})
    assert (after.status_code, after.text) == (200, "<h1>two</h1>")
    assert client.get("/about/").status_code == 404


def test_conditional_requests_and_ranges(client: TestClient) -> None:
    first = client.get("/style.css")
    tag, modified = first.headers["etag"], first.headers["last-modified"]
    not_modified = client.get("/style.css", headers={"If-None-Match": f'"else", W/{tag}'})
    assert (not_modified.status_code, not_modified.content) == (304, b"")
    assert not_modified.headers["etag"] == tag
    assert client.get("/style.css", headers={"If-Modified-Since": modified}).status_code == 304
    assert (
        client.get("/style.css", headers={"If-None-Match": '"x"', "If-Modified-Since": modified}).status_code
        == 200
    )
    assert client.get("/style.css", headers={"If-Modified-Since": "yesterday"}).status_code == 200
    part = client.get("/style.css", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.text) == (206, "body")
    assert client.get("/style.css", headers={"Range": "bytes=900-"}).status_code == 416


def test_head_has_the_headers_and_no_body(client: TestClient) -> None:
    answer = client.head("/style.css")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "6")
    assert client.post("/style.css").headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "path",
    [
        "/.env",
        "/.git/config",
        "/about/.well-known/token",
        "/wp-content/database/wp.sqlite",
        "/WP-Content/database/wp.sqlite",
        "//wp-content//database/wp.sqlite",
        "/%2e%2e/%2e%2e/releases/1/index.html",
        "/..%2f..%2f..%2fhosts/live.shop.localhost",
        "/about/..%2f..%2f1/index.html",
        "/style.css/",
        "/style.css%00.html",
        "/missing",
    ],
)
def test_what_must_stay_hidden_is_not_found(client: TestClient, path: str) -> None:
    answer = client.get(ADDRESS + path)
    assert answer.status_code == 404
    assert "secret" not in answer.text


PHP = ["/wp-config.php", "/WP-CONFIG.PHP", "/wp-config.php.bak", "/wp-config.php~", "/blog/"]


@pytest.mark.parametrize("path", PHP)
def test_php_is_never_shown_as_source(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 501
    assert "no PHP" in answer.text
    assert "secret" not in answer.text


def test_well_known_is_served(client: TestClient) -> None:
    assert client.get("/.well-known/token").text == "proof"


def test_links_lead_only_into_the_release_and_the_shared_folder(client: TestClient, root: Path) -> None:
    home = root / "environments" / ENVIRONMENT
    release = home / "releases" / "1"
    (home / "shared" / "uploads").mkdir(parents=True)
    (home / "shared" / "uploads" / "cat.txt").write_text("cat")
    (root / "outside.txt").write_text("secret")
    (home / "shared" / "1" / "wp-content" / "database").mkdir(parents=True)
    (home / "shared" / "1" / "wp-content" / "database" / "site.db").write_text("secret")
    (release / "db").symlink_to("../../shared/1/wp-content/database")
    make_release(root, OTHER, "1", {"index.html": "secret"})
    (home / "shared" / "out.txt").symlink_to(root / "outside.txt")
    (release / "uploads").symlink_to("../../shared/uploads")
    (release / "out.txt").symlink_to(root / "outside.txt")
    (release / "through.txt").symlink_to("../../shared/out.txt")
    (release / "neighbour").symlink_to(root / "environments" / OTHER / "releases" / "1")
    (release / "env.txt").symlink_to(".env")
    (release / "config.txt").symlink_to("wp-config.php")
    (release / "loop").symlink_to("loop")
    assert client.get("/uploads/cat.txt").text == "cat"
    for path in (
        "/out.txt",
        "/through.txt",
        "/neighbour/",
        "/env.txt",
        "/config.txt",
        "/loop",
        "/db/site.db",
    ):
        assert client.get(path).status_code == 404, path


def test_a_current_that_leads_elsewhere_serves_nothing(client: TestClient, root: Path) -> None:
    home = root / "environments" / ENVIRONMENT
    (home / "next").symlink_to("/etc")
    os.replace(home / "next", home / "current")
    assert client.get("/passwd").status_code == 404


def test_folders_without_slash_are_redirected_on_the_same_host(client: TestClient) -> None:
    answer = client.get("/about?page=2")
    assert (answer.status_code, answer.headers["location"]) == (301, "/about/?page=2")
    assert client.get(f"{ADDRESS}//about").headers["location"] == "/about/"


def test_hosts_are_told_apart_and_read_again(client: TestClient, root: Path) -> None:
    assert client.get("/", headers={"Host": "unknown.example.com"}).status_code == 404
    assert client.get("/", headers={"Host": "LIVE.shop.localhost.:9000"}).status_code == 200
    write_hosts(
        root, {"www.example.com": ENVIRONMENT, "bad.example.com": "../../etc", "new.example.com": OTHER}
    )
    assert client.get("/", headers={"Host": "www.example.com"}).text == "<h1>one</h1>"
    assert client.get("/").status_code == 404
    for host in ("bad.example.com", "../hosts/www.example.com", ".", "..", "", "www..example.com", "a" * 300):
        assert client.get("/", headers={"Host": host}).status_code == 404, host
    assert "Nothing is deployed" in client.get("/", headers={"Host": "new.example.com"}).text


def test_hostname_of() -> None:
    assert hostname_of("Example.COM:80") == "example.com"
    assert hostname_of("example.com.") == "example.com"
    assert hostname_of("[::1]:80") == "::1"
    assert hostname_of("") == ""
