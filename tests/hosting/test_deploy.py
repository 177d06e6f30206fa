"""Deploys, releases and the way back (S2-56 … S2-60, list_releases, rollback_environment)."""

from __future__ import annotations

import hashlib
import socket
import tarfile

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
from tests.support.redis import free_port


def test_git_sources_by_branch_tag_and_commit(running: Running) -> None:
    """S2-58, S2-59: what stands after the # decides, and the release says which commit it is."""
    client, repository = running.client, running.repository()
    first = repository.commit(page("first"), tag="v1")
    second = repository.commit(page("second"))
    repository.git("branch", "feature/new", first)
    _, environment = running.production()
    for ref, word, commit in (
        ("main", "second", second),
        ("v1", "first", first),
        (second, "second", second),
        ("feature/new", "first", first),
        (second[:10], "second", second),
    ):
        job = client.carry_out(running.order_git(environment, f"{repository.url}#{ref}"))
        running.shows(environment, word)
        release = running.rows(f"/environments/{environment}/releases")[0]
        assert (release["id"], release["commit"], release["active"]) == (
            job["result"]["release_id"],
            commit,
            True,
        )
        assert (release["source_type"], release["source_ref"]) == ("git", f"{repository.url}#{ref}")
        assert (release["status"], release["file_count"]) == ("good", 2)
    assert running.leftovers(environment) == []


def test_a_ref_alone_is_enough_where_the_site_has_a_repository(running: Running) -> None:
    client, repository = running.client, running.repository()
    repository.commit(page("mine"), tag="v1")
    site, environment = running.production(repository.url)
    assert running.get(f"/sites/{site}")["repository_url"] == repository.url
    client.carry_out(running.order_git(environment, "v1"))
    running.shows(environment, "mine")
    _, other = running.production()
    body = expect(running.order_git(other, "v1"), 422, "source_ref_invalid")
    assert body["errors"][0]["field"] == "/body/source_ref"


def test_uploads_as_zip_and_as_tar_gz(running: Running) -> None:
    """create_upload, then deploy_environment with source_type upload, S2-59."""
    client = running.client
    _, environment = running.production()
    for word, archive, kind in (
        ("zipped", make_zip(page("zipped")), "application/zip"),
        ("tarred", make_tar(page("tarred")), "application/gzip"),
    ):
        answer = client.post("/uploads", content=archive, headers={"Content-Type": kind})
        assert answer.status_code == 201
        kept = answer.json()
        assert (kept["size"], kept["sha256"]) == (len(archive), hashlib.sha256(archive).hexdigest())
        order = {"source_type": "upload", "source_ref": kept["upload_id"]}
        client.carry_out(client.post(f"/environments/{environment}/deploy", json=order))
        running.shows(environment, word)


@pytest.mark.parametrize(
    ("source_ref", "code"),
    [
        ("--upload-pack=touch /tmp/x#main".replace(" ", "%20"), "source_ref_invalid"),
        ("https://git.example.com/a.git#--upload-pack=x", "source_ref_invalid"),
        ("-oProxyCommand=x#main", "source_ref_invalid"),
        ("ssh://-oProxyCommand=x/a.git#main", "source_ref_invalid"),
        ("ext::sh%20-c%20x#main", "source_not_allowed"),
        ("file:///etc#main", "source_not_allowed"),
        ("/etc#main", "source_not_allowed"),
        ("git://git.example.com/a.git#main", "source_not_allowed"),
        ("http://git.example.com/a.git#main", "source_not_allowed"),
        ("https://10.0.0.1/a.git#main", "source_not_allowed"),
        ("https://169.254.169.254/a.git#main", "source_not_allowed"),
        ("https://[::1]/a.git#main", "source_not_allowed"),
        ("https://user:secret@git.example.com/a.git#main", "source_ref_invalid"),
        ("https://git.example.com/a.git", "source_ref_invalid"),
        ("https://git.example.com/a.git#", "source_ref_invalid"),
        ("https://git.example.com/a.git#a..b", "source_ref_invalid"),
    ],
)
def test_sources_that_are_seen_to_be_wrong_are_refused_at_once(
    running: Running, refused_here: str, source_ref: str, code: str
) -> None:
    body = expect(running.order_git(refused_here, source_ref), 422, code)
    assert "secret" not in str(body)


@pytest.fixture(scope="module")
def refused_here(running: Running) -> str:
    """An environment that no order gets through to."""
    return running.production()[1]


def test_refused_orders_leave_no_job(running: Running, refused_here: str) -> None:
    deploys = running.rows("/jobs", environment_id=refused_here, kind="environment.deploy")
    assert deploys == []
    unknown = {"source_type": "upload", "source_ref": "01890000-0000-7000-8000-0000000000ff"}
    expect(running.client.post(f"/environments/{refused_here}/deploy", json=unknown), 422, "upload_unknown")
    nothing = {"source_type": "upload", "source_ref": "archive.zip"}
    expect(
        running.client.post(f"/environments/{refused_here}/deploy", json=nothing), 422, "source_ref_invalid"
    )
    assert (
        running.client.post(
            f"/environments/{refused_here}/deploy", json={"source_type": "ftp", "source_ref": "x"}
        ).json()["code"]
        == "validation_error"
    )
    slug = running.slug()
    bad_site = {"name": slug, "slug": slug, "repository_url": "https://10.1.1.1/a.git"}
    body = expect(running.client.post("/sites", json=bad_site), 422, "source_not_allowed")
    assert body["errors"][0]["field"] == "/body/repository_url"


def test_failed_sources_leave_the_old_release_serving(running: Running) -> None:
    """Unknown ref, unreachable host, an address inside, an upload that is lost: the job says which."""
    client, repository = running.client, running.repository()
    repository.commit(page("old"))
    _, environment = running.production()
    client.carry_out(running.order_git(environment, f"{repository.url}#main"))
    fails(client, running.order_git(environment, f"{repository.url}#no-such"), "source_ref_not_found")
    fails(client, running.order_git(environment, f"{repository.url}#{'0' * 40}"), "source_ref_not_found")
    closed = f"https://127.0.0.1:{free_port()}/site.git#main"
    fails(client, running.order_git(environment, closed), "source_unavailable")
    fails(
        client, running.order_git(environment, "https://inside.example.test/a.git#main"), "source_not_allowed"
    )
    gone = f"file://{running.repositories}/gone#main"
    fails(client, running.order_git(environment, gone), "source_unavailable")
    upload = running.upload(make_tar(page("lost")))
    (running.product.home / "files" / "uploads" / upload).unlink()
    order = {"source_type": "upload", "source_ref": upload}
    fails(client, client.post(f"/environments/{environment}/deploy", json=order), "source_unavailable")
    running.shows(environment, "old")
    releases = running.rows(f"/environments/{environment}/releases")
    assert [it["status"] for it in releases] == ["bad"] * 6 + ["good"]
    assert [it["active"] for it in releases] == [False] * 6 + [True]
    assert running.leftovers(environment) == []
    assert len(list((running.home(environment) / "releases").iterdir())) == 1


def test_a_release_that_is_not_sound_is_never_served(running: Running) -> None:
    """The check before the swap: a link out of the tree, a content folder that is none, no files at all."""
    client, repository = running.client, running.repository()
    _, environment = running.production()
    running.deploy(environment, page("sound"))
    repository.commit(page("bad"))
    (repository.folder / "passwords").symlink_to("/etc/passwd")
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message=link")
    fails(client, running.order_git(environment, f"{repository.url}#main"), "archive_unsafe")
    through = make_tar(page("bad"), member("wp-content", tarfile.SYMTYPE, "."))
    order = {"source_type": "upload", "source_ref": running.upload(through)}
    fails(client, client.post(f"/environments/{environment}/deploy", json=order), "release_invalid")
    fails(
        client, running.order_deploy(environment, page("bad") | {"wp-content": "a file"}), "release_invalid"
    )
    empty = running.repository()
    empty.git("commit", "--quiet", "--allow-empty", "--message=nothing")
    fails(client, running.order_git(environment, f"{empty.url}#main"), "archive_invalid")
    running.shows(environment, "sound")
    assert running.leftovers(environment) == []
    only_content = running.order_deploy(environment, {"wp-content/uploads/a.txt": "a"})
    fails(client, only_content, "release_invalid")
    running.shows(environment, "sound")


def test_a_failing_health_check_goes_back_to_the_old_release(running: Running) -> None:
    """health_path is asked after the swap; when it fails the job fails and visitors get the old release."""
    client = running.client
    _, environment = running.production()
    first = fails(
        client, running.order_deploy(environment, page("x"), health_path="/no"), "health_check_failed"
    )
    assert client.get(f"/environments/{environment}").json()["current_release_id"] is None
    assert not (running.home(environment) / "current").exists()
    old = running.deploy(environment, page("old"), health_path="/ok.txt")
    job = fails(
        client, running.order_deploy(environment, page("new"), health_path="/no"), "health_check_failed"
    )
    running.shows(environment, "old")
    states = {step["name"]: step["status"] for step in job["steps"]}
    assert (states["activate"], states["verify"], states["tidy"]) == ("undone", "failed", "pending")
    assert running.get(f"/environments/{environment}")["current_release_id"] == old
    release = running.rows(f"/environments/{environment}/releases")[0]
    assert (release["id"], release["status"], release["active"]) == (job["id"], "bad", False)
    refused = client.post(f"/environments/{environment}/rollback", json={"release_id": job["id"]})
    expect(refused, 409, "release_not_good")
    assert not (running.home(environment) / "releases" / first["id"]).exists()
    assert not (running.home(environment) / "releases" / job["id"]).exists()


def test_rollback_and_retention(running: Running) -> None:
    """rollback_environment by default and by id; more than releases_kept (2) good releases are pruned."""
    client = running.client
    _, environment = running.production()
    place = f"/environments/{environment}"
    one = running.deploy(environment, page("one"))
    two = running.deploy(environment, page("two"))
    back = client.carry_out(client.post(f"{place}/rollback", json={}))
    assert back["result"]["release_id"] == one
    running.shows(environment, "one")
    assert running.get(place)["current_release_id"] == one
    expect(client.post(f"{place}/rollback", json={}), 409, "no_earlier_release")
    expect(client.post(f"{place}/rollback", json={"release_id": one}), 409, "release_not_good")
    client.carry_out(client.post(f"{place}/rollback", json={"release_id": two}))
    running.shows(environment, "two")
    three = running.deploy(environment, page("three"))
    assert {it.name for it in (running.home(environment) / "releases").iterdir()} == {two, three}
    expect(client.post(f"{place}/rollback", json={"release_id": one}), 409, "release_not_good")
    listed = running.rows(f"{place}/releases")
    assert [(it["id"], it["active"]) for it in listed] == [(three, True), (two, False), (one, False)]
    assert [it["kept"] for it in listed] == [True, True, False]
    _, other = running.production()
    stranger = {"release_id": two}
    expect(client.post(f"/environments/{other}/rollback", json=stranger), 404, "release_not_found")
    client.carry_out(client.post(f"{place}/rollback"))
    running.shows(environment, "two")


def test_content_belongs_to_the_environment_and_not_to_the_release(running: Running) -> None:
    """The first release's content seeds the environment; later ones do not touch what people made."""
    _, environment = running.production()
    seeded: dict[str, str | bytes] = {
        "wp-content/uploads/first.txt": "came along",
        "wp-content/database/site.sqlite": database(running.folder, "hello"),
    }
    running.deploy(environment, page("one") | seeded)
    assert running.client.served(environment, "/wp-content/uploads/first.txt").text == "came along"
    assert running.client.served(environment, "/wp-content/database/site.sqlite").status_code == 404
    content = running.live(environment) / "wp-content"
    (content / "uploads" / "made.txt").write_text("by a visitor")
    running.deploy(environment, page("two") | {"wp-content/uploads/first.txt": "changed in the code"})
    assert running.client.served(environment, "/wp-content/uploads/first.txt").text == "came along"
    assert running.client.served(environment, "/wp-content/uploads/made.txt").text == "by a visitor"
    assert read_rows(running.live(environment) / "wp-content" / "database" / "site.sqlite") == ["hello"]


def test_orders_for_one_environment_run_in_their_order(running: Running) -> None:
    """Two deploys accepted one after the other: the later one is what is served, whoever is faster."""
    client = running.client
    _, environment = running.production()
    bulk = {f"files/{number}.txt": "x" * 100 for number in range(150)}
    with running.worker_stopped():
        orders = [
            running.order_deploy(environment, page("first") | bulk),
            running.order_deploy(environment, page("second")),
        ]
        assert running.get("/metrics")["jobs_queued"] >= 2
    first, second = [client.carry_out(order) for order in orders]
    assert first["finished_at"] <= second["started_at"]
    running.shows(environment, "second")


def test_a_source_that_never_answers_can_be_cancelled(running: Running) -> None:
    """cancel_job of a running job ends the step's processes, and the old release serves on."""
    client = running.client
    _, environment = running.production()
    running.deploy(environment, page("old"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/site.git#main"
        job = running.order_git(environment, url).json()["job_id"]
        silent.settimeout(20)
        connection, _ = silent.accept()
        state = running.get(f"/jobs/{job}")
        assert state["status"] == "running"
        assert [it["status"] for it in state["steps"]][:2] == ["running", "pending"]
        assert running.get("/metrics")["jobs_running"] >= 1
        assert client.post(f"/jobs/{job}/cancel").status_code == 202
        ended = client.wait(job, 20)
        connection.close()
    assert (ended["status"], ended["error_code"], ended["cancel_requested"]) == (
        "cancelled",
        "job_cancelled",
        True,
    )
    running.shows(environment, "old")
    assert running.leftovers(environment) == []
    expect(client.post(f"/jobs/{job}/cancel"), 409, "job_not_cancellable")
    running.deploy(environment, page("new"))
