"""Jobs as customers see them: cancel, retry of every kind, log, steps, progress, events (S2-107 … S2-114)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import httpx

from tests.hosting.running import Running, expect, fails, make_tar, page
from tests.support.redis import free_port


def events(answer: httpx.Response) -> list[tuple[str, Any, str | None]]:
    """The events of a stream: name, data, id."""
    found = []
    for block in answer.read().decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"]), fields.get("id")))
    return found


def test_get_job_tells_its_steps_times_and_result(running: Running) -> None:
    """S2-108 … S2-114, and what came of it."""
    client = running.client
    site, environment = running.production()
    job = client.carry_out(running.order_deploy(environment, page("x")))
    assert (job["kind"], job["status"], job["progress"]) == ("environment.deploy", "succeeded", 100)
    assert (job["site_id"], job["environment_id"], job["backup_id"]) == (site, environment, None)
    assert (job["error_code"], job["error_message"], job["retry_of"]) == (None, None, None)
    assert job["created_at"] <= job["started_at"] <= job["finished_at"]
    assert [it["name"] for it in job["steps"]] == ["fetch", "unpack", "check", "activate", "verify", "tidy"]
    assert {it["status"] for it in job["steps"]} == {"succeeded"}
    times = [moment for it in job["steps"] for moment in (it["started_at"], it["finished_at"])]
    assert times == sorted(times)
    assert job["result"] == {"release_id": job["id"]}
    lines = running.rows(f"/jobs/{job['id']}/log")
    assert [it["sequence"] for it in lines] == list(range(1, len(lines) + 1))
    assert {it["step"] for it in lines} >= {"fetch", "activate"}
    assert {it["level"] for it in lines} == {"info"}
    first = running.get(f"/jobs/{job['id']}/log?limit=1")
    rest = running.get(f"/jobs/{job['id']}/log?limit=100&cursor={first['pagination']['next_cursor']}")
    assert first["data"] + rest["data"] == lines


def test_stream_job_events_is_followed_to_its_end(running: Running) -> None:
    """The stream begins with the job, tells each change and each line once, and ends with it."""
    client = running.client
    _, environment = running.production()
    with running.worker_stopped():
        job = running.order_deploy(environment, page("x")).json()["job_id"]
        stream = client.stream("GET", f"/jobs/{job}/events", timeout=60)
        answer = stream.__enter__()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
    found = events(answer)
    stream.__exit__(None, None, None)
    names = [name for name, _, _ in found]
    assert names[0] == "job"
    assert names[-1] == "end"
    assert names.count("end") == 1
    jobs = [data for name, data, _ in found if name == "job"]
    assert (jobs[0]["status"], jobs[-1]["status"], jobs[-1]["progress"]) == ("queued", "succeeded", 100)
    progress = [it["progress"] for it in jobs]
    assert progress == sorted(progress)
    assert jobs[-1] == running.get(f"/jobs/{job}")
    lines = [data for name, data, _ in found if name == "log"]
    assert lines == running.rows(f"/jobs/{job}/log")
    assert [it for name, _, it in found if name == "log"] == [str(it["sequence"]) for it in lines]
    later = events(client.get(f"/jobs/{job}/events", headers={"Last-Event-ID": str(lines[-2]["sequence"])}))
    assert [data for name, data, _ in later if name == "log"] == lines[-1:]
    assert later[-1][0] == "end"


def test_cancel_job_of_a_queued_order_touches_nothing(running: Running) -> None:
    client = running.client
    _, environment = running.production()
    running.deploy(environment, page("old"))
    with running.worker_stopped():
        order = running.order_deploy(environment, page("new"))
        job = order.json()["job_id"]
        answer = client.post(f"/jobs/{job}/cancel")
        assert (answer.status_code, answer.json()) == (202, {"job_id": job})
        expect(client.post(f"/jobs/{job}/cancel"), 409, "job_not_cancellable")
        found = running.get(f"/jobs/{job}")
        assert (found["status"], found["error_code"]) == ("cancelled", "job_cancelled")
        assert {it["status"] for it in found["steps"]} == {"cancelled"}
        assert found["finished_at"] is not None
    running.deploy(environment, page("newer"))
    assert running.get(f"/jobs/{job}")["started_at"] is None
    releases = running.rows(f"/environments/{environment}/releases")
    assert job not in [it["id"] for it in releases]


def cancelled(running: Running, place: Callable[[], httpx.Response]) -> str:
    """A job of this order that was cancelled before it began; its id."""
    with running.worker_stopped():
        answer = place()
        assert answer.status_code == 202, answer.text
        job: str = answer.json()["job_id"]
        assert running.client.post(f"/jobs/{job}/cancel").status_code == 202
    return job


def test_retry_job_orders_every_kind_again(running: Running) -> None:
    """A new job of the same kind that names the old one, and does what the old one did not."""
    client, slug = running.client, running.slug()
    site, live = running.production()
    running.deploy(live, page("one"))
    running.deploy(live, page("two"))
    stage = running.environment(site, "stage", source_environment_id=live)
    backup = running.backup(live, "db")
    hostname = f"{slug}.example.test"
    upload = running.upload(make_tar(page("imported")))
    place = f"/environments/{live}"
    new = {"name": "new", "slug": "new", "type": "development"}
    orders: dict[str, Callable[[], httpx.Response]] = {
        "site.create": lambda: client.post("/sites", json={"name": slug, "slug": slug}),
        "environment.create": lambda: client.post(f"/sites/{site}/environments", json=new),
        "environment.deploy": lambda: running.order_deploy(live, page("three")),
        "environment.rollback": lambda: client.post(f"{place}/rollback"),
        "environment.promote": lambda: client.post(
            f"/environments/{stage}/promote",
            json={"target_environment_id": live, "promotion_preset": "code"},
        ),
        "environment.restore": lambda: client.post(f"{place}/restore", json={"backup_id": backup}),
        "environment.drift_check": lambda: client.post(f"{place}/drift-check"),
        "environment.cache": lambda: client.patch(f"{place}/cache", json={"redis_cache_enabled": True}),
        "environment.cache_purge": lambda: client.post(f"{place}/cache/purge"),
        "backup.create": lambda: client.post(f"{place}/backups", json={"backup_scope": "files"}),
        "domain.create": lambda: client.post(f"{place}/domains", json={"hostname": hostname}),
        "site.import": lambda: client.post(f"/sites/{site}/import", json={"archive_url": f"upload:{upload}"}),
        "backup.delete": lambda: client.delete(f"/backups/{backup}"),
        "domain.delete": lambda: client.delete(f"/domains/{running.rows(f'{place}/domains')[0]['id']}"),
        "environment.delete": lambda: client.delete(f"/environments/{stage}"),
        "site.delete": lambda: client.delete(f"/sites/{site}"),
    }
    for kind, order in orders.items():
        job = cancelled(running, order)
        again = client.carry_out(client.post(f"/jobs/{job}/retry"))
        assert (again["kind"], again["retry_of"]) == (kind, job)
        old = running.get(f"/jobs/{job}")
        for field in ("site_id", "environment_id", "backup_id"):
            assert again[field] == old[field], (kind, field)
        expect(client.post(f"/jobs/{again['id']}/retry"), 409, "job_not_retryable")
    expect(client.get(f"/sites/{site}"), 404, "site_not_found")
    assert running.get(f"/jobs/{job}")["status"] == "cancelled"


def test_retry_job_of_a_failed_deploy_and_update(running: Running) -> None:
    client = running.client
    _, environment = running.production()
    closed = f"https://127.0.0.1:{free_port()}/site.git#main"
    job = fails(client, running.order_git(environment, closed, health_path="/ok.txt"), "source_unavailable")
    again = fails(client, client.post(f"/jobs/{job['id']}/retry"), "source_unavailable")
    assert again["retry_of"] == job["id"]
    assert again["id"] != job["id"]
    errors = [it for it in running.rows(f"/jobs/{again['id']}/log") if it["level"] == "error"]
    assert re.search("could not be fetched", errors[0]["message"])
    running.deploy(environment, page("x"))
    update = client.post(f"/environments/{environment}/updates", json={"scope": "plugins"})
    failed = fails(client, update, "wp_cli_error")
    fails(client, client.post(f"/jobs/{failed['id']}/retry"), "wp_cli_error")


def test_a_running_backup_is_cancelled_without_leftovers(running: Running) -> None:
    """Its archive and its scratch go, and the backup is failed and can be deleted."""
    client = running.client
    _, environment = running.production()
    running.deploy(environment, page("x"))
    uploads = running.live(environment) / "wp-content" / "uploads"
    with (uploads / "large.bin").open("wb") as large:
        block = bytes(range(256)) * 4096
        for _ in range(200):
            large.write(block)
    order = client.post(f"/environments/{environment}/backups", json={"backup_scope": "full"})
    job = order.json()["job_id"]
    while running.get(f"/jobs/{job}")["status"] == "queued":
        pass
    client.post(f"/jobs/{job}/cancel")
    ended = client.wait(job, 20)
    assert ended["status"] == "cancelled"
    backup = ended["backup_id"]
    assert running.get(f"/backups/{backup}")["status"] == "failed"
    files = running.product.home / "files" / "backups"
    assert [it.name for it in files.iterdir() if it.name.startswith(backup)] == []
    assert running.leftovers(environment) == []
    running.shows(environment, "x")
    expect(client.get(f"/backups/{backup}/download"), 409, "backup_not_available")
    client.carry_out(client.delete(f"/backups/{backup}"))
