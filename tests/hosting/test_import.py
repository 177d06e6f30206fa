"""Imports from uploads and from URLs, and the addresses that no URL may lead to (S2-44 … S2-46)."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from tests.hosting.running import (
    Running,
    database,
    expect,
    fails,
    make_tar,
    make_zip,
    member,
    page,
    read_rows,
)
from tests.outgoing.web import Web, serve

ARCHIVE = make_tar(page("imported"))


def answer(request: BaseHTTPRequestHandler) -> None:
    """An archive, an error, and redirects to an archive and to places inside."""
    path = request.path.partition("?")[0]
    places = {
        "/moved": "/site.tar.gz",
        "/inside": "https://10.0.0.7/site.tar.gz",
        "/metadata": "http://169.254.169.254/latest/meta-data/",
        "/name": "https://inside.example.test/site.tar.gz",
        "/loopback": "https://127.0.0.2/site.tar.gz",
        "/file": "file:///etc/passwd",
    }
    if path in places:
        request.send_response(302)
        request.send_header("Location", places[path])
        request.send_header("Content-Length", "0")
        request.end_headers()
        return
    body = ARCHIVE if path == "/site.tar.gz" else b"no such archive"
    request.send_response(200 if path == "/site.tar.gz" else 404)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


@pytest.fixture
def web(running: Running) -> Iterator[Web]:
    with serve(answer, running.authority) as server:
        yield server


def test_import_makes_the_production_environment(running: Running, web: Web) -> None:
    """From a URL on a trusted network, by name and by a redirect, and then from an upload."""
    client, site = running.client, running.site()
    url = f"https://git.example.test:{web.port}/site.tar.gz?key=secret"
    job = client.carry_out(client.post(f"/sites/{site}/import", json={"archive_url": url}))
    environment = job["environment_id"]
    found = running.get(f"/environments/{environment}")
    assert (found["status"], found["type"], found["slug"]) == ("active", "production", "production")
    running.shows(environment, "imported")
    release = running.rows(f"/environments/{environment}/releases")[0]
    assert release["source_type"] == "import"
    assert release["source_ref"] == f"https://git.example.test:{web.port}/site.tar.gz"
    log = str(running.rows(f"/jobs/{job['id']}/log"))
    assert "secret" not in log
    again = {"archive_url": f"https://127.0.0.1:{web.port}/moved"}
    second = client.carry_out(client.post(f"/sites/{site}/import", json=again))
    assert second["environment_id"] == environment
    backup = running.get(f"/backups/{second['result']['safety_backup_id']}")
    assert (backup["reason"], backup["status"]) == ("before_import", "available")
    upload = running.upload(make_zip(page("uploaded")), "application/zip")
    client.carry_out(client.post(f"/sites/{site}/import", json={"archive_url": f"upload:{upload}"}))
    running.shows(environment, "uploaded")
    assert running.leftovers(environment) == []


def test_an_import_brings_its_content_and_going_back_brings_the_old(running: Running) -> None:
    """What the archive has replaces what was there; what it lacks stays."""
    client = running.client
    site, environment = running.production()
    place, rows = "wp-content/uploads/a.txt", "wp-content/database/site.sqlite"
    running.deploy(environment, page("old") | {place: "old", rows: database(running.folder, "old")})
    upload = running.upload(make_tar(page("new") | {place: "new"}))
    order = client.post(f"/sites/{site}/import", json={"archive_url": f"upload:{upload}"})
    client.carry_out(order)
    running.shows(environment, "new")
    assert client.served(environment, f"/{place}").text == "new"
    assert read_rows(running.live(environment) / rows) == ["old"]
    client.carry_out(client.post(f"/environments/{environment}/rollback"))
    running.shows(environment, "old")
    assert client.served(environment, f"/{place}").text == "old"


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.1/site.zip",
        "https://192.168.1.1/site.zip",
        "https://169.254.169.254/latest/meta-data",
        "https://127.0.0.2/site.zip",
        "https://[::1]/site.zip",
        "https://[::ffff:10.0.0.1]/site.zip",
        "https://2130706434/site.zip",
        "https://0x7f.0.0.2/site.zip",
        "file:///etc/passwd",
        "ftp://git.example.test/site.zip",
        "https://user:secret@git.example.test/site.zip",
        "upload:not-an-id",
    ],
)
def test_urls_that_are_seen_to_lead_inside_are_refused_at_once(
    running: Running, nowhere: str, url: str
) -> None:
    answer = running.client.post(f"/sites/{nowhere}/import", json={"archive_url": url})
    assert answer.status_code == 422
    body = answer.json()
    assert body["errors"][0]["field"] == "/body/archive_url"
    assert "secret" not in body["message"]
    # What is no http URL at all is refused by the schema before any rule looks at it.
    by_schema = not url.startswith("https://") or "@" in url
    assert body["code"] == ("validation_error" if by_schema else "url_not_allowed")
    assert running.rows("/jobs", site_id=nowhere, kind="site.import") == []


@pytest.fixture(scope="module")
def nowhere(running: Running) -> str:
    """A site that nothing is imported into."""
    return running.site()


def test_import_over_http_within_a_trusted_network(running: Running) -> None:
    with serve(answer, None) as web:
        url = f"http://127.0.0.1:{web.port}/site.tar.gz"
        client, site = running.client, running.site()
        job = client.carry_out(client.post(f"/sites/{site}/import", json={"archive_url": url}))
        running.shows(job["environment_id"], "imported")


def test_names_and_redirects_that_lead_inside_fail_the_job(running: Running, web: Web) -> None:
    """The address is judged when it is connected to, after each redirect anew."""
    client = running.client
    site, environment = running.production()
    running.deploy(environment, page("old"))
    inside = ("/inside", "/metadata", "/name", "/loopback", "/file")
    # http is for trusted networks only, so a name has to lead into one.
    urls = ["https://inside.example.test/site.zip", "http://inside.example.test/site.zip"] + [
        f"https://127.0.0.1:{web.port}{path}" for path in inside
    ]
    orders = [client.post(f"/sites/{site}/import", json={"archive_url": url}) for url in urls]
    for order in orders:
        fails(client, order, "url_not_allowed")
    missing = {"archive_url": f"https://127.0.0.1:{web.port}/none.zip"}
    job = fails(client, client.post(f"/sites/{site}/import", json=missing), "download_failed")
    fails(client, client.post(f"/jobs/{job['id']}/retry"), "download_failed")
    unknown = {"archive_url": "upload:01890000-0000-7000-8000-0000000000ff"}
    expect(client.post(f"/sites/{site}/import", json=unknown), 422, "upload_unknown")
    lost = running.upload(ARCHIVE)
    (running.product.home / "files" / "uploads" / lost).unlink()
    gone = {"archive_url": f"upload:{lost}"}
    fails(client, client.post(f"/sites/{site}/import", json=gone), "download_failed")
    running.shows(environment, "old")
    assert running.get(f"/environments/{environment}")["status"] == "active"
    assert running.rows(f"/environments/{environment}/backups") == []
    assert running.leftovers(environment) == []


def test_a_backup_of_one_site_is_imported_into_another(running: Running) -> None:
    """As it was downloaded: its code and content come to their places, and its manifest is not served."""
    client = running.client
    place, rows = "wp-content/uploads/a.txt", "wp-content/database/site.sqlite"
    _, origin = running.production()
    running.deploy(origin, page("moves") | {place: "moves too", rows: database(running.folder, "a row")})
    made = client.carry_out(client.post(f"/environments/{origin}/backups", json={"backup_scope": "full"}))
    archive = client.get(f"/backups/{made['backup_id']}/download").content
    upload = running.upload(archive)
    site, environment = running.production()
    client.carry_out(client.post(f"/sites/{site}/import", json={"archive_url": f"upload:{upload}"}))
    running.shows(environment, "moves")
    current = running.home(environment) / "current"
    assert (current / place).read_text() == "moves too"
    assert read_rows(current / rows) == ["a row"]
    assert not {"manifest.json", "code", "uploads", "database"} & {it.name for it in current.iterdir()}
    assert running.leftovers(environment) == []


def test_a_backup_that_is_no_whole_site_is_not_imported(running: Running) -> None:
    """One of the database alone, one that was changed, and one whose folder is a symlink."""
    client = running.client
    site, environment = running.production()
    running.deploy(environment, page("stays"))
    head = '{"format": 1, "kind": "writ-backup", "scope": "%s", "files": %s, "links": %s}'
    link = member("code", tarfile.SYMTYPE, "uploads")
    for archive in (
        make_tar({"manifest.json": head % ("db", "{}", "{}"), "database/a.txt": ""}),
        make_tar({"manifest.json": head % ("db", "{}", "{}")}),
        make_tar({"manifest.json": head % ("files", "{}", "{}"), "code/index.html": "changed"}),
        make_tar({"manifest.json": head % ("files", "{}", '{"code": "uploads"}')}, link),
    ):
        upload = running.upload(archive)
        order = client.post(f"/sites/{site}/import", json={"archive_url": f"upload:{upload}"})
        fails(client, order, "archive_invalid")
        running.shows(environment, "stays")
    # A site may have a manifest.json of its own, as web applications do.
    upload = running.upload(make_tar(page("app") | {"manifest.json": '{"name": "app"}'}))
    client.carry_out(client.post(f"/sites/{site}/import", json={"archive_url": f"upload:{upload}"}))
    running.shows(environment, "app")
    assert running.leftovers(environment) == []
