"""Sites and environments from their order to their end (S2-37 … S2-54), and every conflict on the way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

from tests.hosting.running import Running, expect, fails, page


def test_create_site_can_be_read_at_once_as_creating(running: Running) -> None:
    """S2-38 … S2-42: the order answers with a job; the site is there before any worker has seen it."""
    client, slug = running.client, running.slug()
    with running.worker_stopped():
        answer = client.post("/sites", json={"name": "A shop", "slug": slug})
        assert answer.status_code == 202
        assert set(answer.json()) == {"job_id"}
        assert answer.headers["Location"] == f"/api/jobs/{answer.json()['job_id']}"
        job = running.get(f"/jobs/{answer.json()['job_id']}")
        site = running.get(f"/sites/{job['site_id']}")
        assert (job["status"], job["kind"]) == ("queued", "site.create")
        assert (site["status"], site["slug"], site["name"]) == ("creating", slug, "A shop")
        body = {"name": "Production", "slug": "production", "type": "production"}
        expect(client.post(f"/sites/{site['id']}/environments", json=body), 409, "site_not_active")
        expect(
            client.post(f"/sites/{site['id']}/import", json={"archive_url": f"upload:{uuid4()}"}),
            409,
            "site_not_active",
        )
    client.carry_out(answer)
    assert running.get(f"/sites/{site['id']}")["status"] == "active"
    UUID(site["id"])


def test_create_environment_can_be_read_at_once_and_takes_no_orders_yet(running: Running) -> None:
    """S2-47 … S2-54, S2-91: every order for an environment that is being made says so."""
    client, site = running.client, running.site()
    with running.worker_stopped():
        body = {"name": "Production", "slug": "production", "type": "production"}
        answer = client.post(f"/sites/{site}/environments", json=body)
        environment = running.get(f"/jobs/{answer.json()['job_id']}")["environment_id"]
        found = running.get(f"/environments/{environment}")
        assert (found["status"], found["type"], found["url"]) == ("creating", "production", None)
        assert found["current_release_id"] is None
        place = f"/environments/{environment}"
        for path, order in (
            ("deploy", {"source_type": "git", "source_ref": "https://git.example.com/a.git#main"}),
            ("backups", {"backup_scope": "full"}),
            ("domains", {"hostname": f"{running.slug()}.example.test"}),
            ("drift-check", None),
            ("updates", {"scope": "all"}),
            ("cache/purge", None),
            ("rollback", {}),
            ("restore", {"backup_id": str(uuid4())}),
            ("magic-login", None),
        ):
            expect(client.post(f"{place}/{path}", json=order), 409, "environment_not_active")
        expect(
            client.patch(f"{place}/cache", json={"redis_cache_enabled": True}), 409, "environment_not_active"
        )
    client.carry_out(answer)
    assert running.get(place)["status"] == "active"
    for path in ("drift-check", "updates"):
        order = {"scope": "all"} if path == "updates" else None
        expect(client.post(f"{place}/{path}", json=order), 409, "no_current_release")
    expect(client.post(f"{place}/rollback", json={}), 409, "no_earlier_release")


def test_unknown_ids_say_which_noun_is_not_there(running: Running) -> None:
    """S2-15, S2-25, S2-26: every refusal has a code of its own and a message."""
    client, nobody = running.client, uuid4()
    expect(client.get(f"/sites/{nobody}"), 404, "site_not_found")
    expect(client.get(f"/sites/{nobody}/environments"), 404, "site_not_found")
    expect(client.delete(f"/sites/{nobody}"), 404, "site_not_found")
    expect(client.get(f"/environments/{nobody}"), 404, "environment_not_found")
    for noun in ("releases", "backups", "domains"):
        expect(client.get(f"/environments/{nobody}/{noun}"), 404, "environment_not_found")
    expect(client.post(f"/environments/{nobody}/magic-login"), 404, "environment_not_found")
    expect(client.get(f"/backups/{nobody}"), 404, "backup_not_found")
    expect(client.get(f"/backups/{nobody}/download"), 404, "backup_not_found")
    expect(client.delete(f"/backups/{nobody}"), 404, "backup_not_found")
    expect(client.delete(f"/domains/{nobody}"), 404, "domain_not_found")
    for path in ("", "/log", "/events"):
        expect(client.get(f"/jobs/{nobody}{path}"), 404, "job_not_found")
    expect(client.post(f"/jobs/{nobody}/retry"), 404, "job_not_found")
    expect(client.post(f"/jobs/{nobody}/cancel"), 404, "job_not_found")


def test_a_slug_is_taken_once_however_many_ask_at_once(running: Running) -> None:
    """Two orders with one slug in the same moment: one passes, the others are told, none breaks."""
    client, slug = running.client, running.slug()
    with ThreadPoolExecutor(6) as threads:
        answers = list(
            threads.map(lambda _: client.post("/sites", json={"name": "x", "slug": slug}), range(6))
        )
    refused = [it for it in answers if it.status_code != 202]
    assert len(refused) == 5
    for answer in refused:
        body = expect(answer, 409, "site_slug_taken")
        assert body["errors"][0]["field"] == "/body/slug"
    accepted = next(it for it in answers if it.status_code == 202)
    site = client.carry_out(accepted)["site_id"]
    new = {"name": "x", "slug": "same", "type": "staging"}
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: client.post(f"/sites/{site}/environments", json=new), range(6)))
    assert sorted(it.status_code for it in answers) == [202] + [409] * 5
    for answer in answers:
        if answer.status_code == 409:
            expect(answer, 409, "environment_slug_taken")
        else:
            client.carry_out(answer)
    assert len(running.rows(f"/sites/{site}/environments")) == 1


def test_delete_environment_takes_everything_of_it_along(running: Running) -> None:
    """Releases, domains, backups, files and hostnames go; orders that come too late are refused."""
    client = running.client
    site, environment = running.production()
    running.deploy(environment, page("here"))
    hostname = f"{running.slug()}.example.test"
    running.add_domain(environment, hostname)
    backup = running.backup(environment)
    archive = running.product.home / "files" / "backups" / backup
    assert archive.is_file()
    running.shows(environment, "here")
    own_name = running.get(f"/environments/{environment}")["url"].split("/")[2].split(":")[0]
    with running.worker_stopped():
        answer = client.delete(f"/environments/{environment}")
        assert running.get(f"/environments/{environment}")["status"] == "deleting"
        late = client.post(f"/environments/{environment}/backups", json={"backup_scope": "db"})
        expect(late, 409, "environment_deleting")
        expect(client.delete(f"/environments/{environment}"), 409, "environment_deleting")
        copy = {"name": "c", "slug": "c", "type": "staging", "source_environment_id": environment}
        expect(client.post(f"/sites/{site}/environments", json=copy), 409, "environment_deleting")
    client.carry_out(answer)
    expect(client.get(f"/environments/{environment}"), 404, "environment_not_found")
    expect(client.get(f"/backups/{backup}"), 404, "backup_not_found")
    assert not archive.exists()
    assert not running.home(environment).exists()
    for name in (hostname, own_name):
        assert running.visit(name).status_code == 404
        assert not (running.product.home / "nodes" / "local" / "hosts" / name).exists()
    assert running.get(f"/sites/{site}")["status"] == "active"


def test_delete_site_with_environments_in_the_making(running: Running) -> None:
    """An environment whose creation ends while its end is ordered does not come back to life."""
    client = running.client
    site, live = running.production()
    running.deploy(live, page("live"))
    with running.worker_stopped():
        body = {"name": "New", "slug": "new", "type": "staging", "source_environment_id": live}
        creation = client.post(f"/sites/{site}/environments", json=body)
        made = running.get(f"/jobs/{creation.json()['job_id']}")["environment_id"]
        end = client.delete(f"/sites/{site}")
        expect(client.delete(f"/sites/{site}"), 409, "site_deleting")
        expect(client.post(f"/sites/{site}/environments", json=body | {"slug": "x"}), 409, "site_deleting")
        expect(client.post(f"/environments/{live}/cache/purge"), 409, "environment_deleting")
        assert running.get(f"/environments/{made}")["status"] == "deleting"
    client.carry_out(creation)
    assert client.get(f"/environments/{made}").json().get("status") in (None, "deleting")
    client.carry_out(end)
    expect(client.get(f"/sites/{site}"), 404, "site_not_found")
    for environment in (live, made):
        expect(client.get(f"/environments/{environment}"), 404, "environment_not_found")
        assert not running.home(environment).exists()


def test_a_cancelled_deletion_that_never_began_changes_nothing(running: Running) -> None:
    """cancel_job of a queued deletion: site, environment, backup and domain are as they were."""
    client = running.client
    site, environment = running.production()
    running.deploy(environment, page("kept"))
    backup = running.backup(environment, "files")
    domain = running.add_domain(environment, f"{running.slug()}.example.test")
    for path, noun in (
        (f"/backups/{backup}", "available"),
        (f"/domains/{domain}", None),
        (f"/environments/{environment}", "active"),
        (f"/sites/{site}", "active"),
    ):
        with running.worker_stopped():
            job = client.delete(path).json()["job_id"]
            assert client.post(f"/jobs/{job}/cancel").status_code == 202
            assert running.get(f"/jobs/{job}")["status"] == "cancelled"
        if noun is not None:
            assert running.get(path)["status"] == noun
    assert running.get(f"/environments/{environment}")["status"] == "active"
    assert [it["status"] for it in running.rows(f"/environments/{environment}/domains")] == ["active"]
    running.shows(environment, "kept")
    running.deploy(environment, page("and in order"))


def test_a_cancelled_creation_is_failed_and_can_be_ordered_again_once(running: Running) -> None:
    """retry_job makes what failed; what is there already is never made over."""
    client = running.client
    site = running.site()
    with running.worker_stopped():
        body = {"name": "P", "slug": "p", "type": "production"}
        job = client.post(f"/sites/{site}/environments", json=body).json()["job_id"]
        client.post(f"/jobs/{job}/cancel")
    environment = running.get(f"/jobs/{job}")["environment_id"]
    assert running.get(f"/environments/{environment}")["status"] == "failed"
    expect(running.order_deploy(environment, page("x")), 409, "environment_not_active")
    again = client.carry_out(client.post(f"/jobs/{job}/retry"))
    assert (again["retry_of"], again["environment_id"]) == (job, environment)
    running.deploy(environment, page("content"))
    expect(client.post(f"/jobs/{job}/retry"), 409, "job_not_retryable")
    running.shows(environment, "content")
    assert running.get(f"/environments/{environment}")["status"] == "active"


def test_retries_of_what_is_gone_are_refused(running: Running) -> None:
    client = running.client
    _, environment = running.production()
    job = fails(
        client, running.order_git(environment, "https://127.0.0.1:9/site.git#main"), "source_unavailable"
    )
    client.carry_out(client.delete(f"/environments/{environment}"))
    expect(client.post(f"/jobs/{job['id']}/retry"), 404, "environment_not_found")


def test_late_jobs_of_a_deleted_environment_end_plainly(running: Running) -> None:
    """A domain's end may be ordered while its environment goes: it fails, or finds it done, and says so."""
    client = running.client
    _, environment = running.production()
    domain = running.add_domain(environment, f"{running.slug()}.example.test")
    with running.worker_stopped():
        end = client.delete(f"/environments/{environment}")
        late = client.delete(f"/domains/{domain}")
    client.carry_out(end)
    fails(client, late, "environment_not_found")
    expect(client.delete(f"/domains/{domain}"), 404, "domain_not_found")


def test_get_metrics_counts_now(running: Running) -> None:
    """S2-115 … S2-121: counters of this moment, from the database."""
    before = running.get("/metrics")
    assert before["nodes_active"] == 1
    with running.worker_stopped():
        slug = running.slug()
        order = running.client.post("/sites", json={"name": slug, "slug": slug})
        during = running.get("/metrics")
        assert during["jobs_queued"] == before["jobs_queued"] + 1
        assert during["sites_total"] == before["sites_total"] + 1
    running.client.carry_out(order)
    assert running.get("/metrics")["jobs_queued"] == before["jobs_queued"]
    assert set(before) == {"jobs_running", "jobs_queued", "nodes_active", "sites_total"}
