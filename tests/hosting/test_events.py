"""What others hear of hosting: each order tells at its end what became of it, and nothing else does."""

from __future__ import annotations

import time
from typing import Any

from tests.hosting.running import Running, fails, make_tar, page


def heard(running: Running, site: str) -> list[dict[str, Any]]:
    """The events of a site, oldest first, once the last one has its place."""
    jobs = {job["id"] for job in running.rows("/jobs", site_id=site)}
    give_up = time.monotonic() + 20
    while True:
        found: list[dict[str, Any]] = []
        params: dict[str, Any] = {"limit": 100}
        while True:
            answer = running.client.get("/v1/events", params=params).json()
            found += [event for event in answer["data"] if event["project_id"] == site]
            if answer["pagination"]["next_cursor"] is None:
                break
            params["cursor"] = answer["pagination"]["next_cursor"]
        told = [e["data"]["id"] for e in found if e["type"].startswith("job.") and e["type"] != "job.retried"]
        assert len(told) == len(set(told)), "a job ended twice"
        if jobs <= set(told):
            return found
        assert time.monotonic() < give_up, f"{jobs - set(told)} are not told"
        time.sleep(0.05)


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def test_every_order_tells_what_it_did(running: Running) -> None:
    client = running.client
    site, production = running.production()
    one = running.deploy(production, page("one"))
    staging = running.environment(site, "staging", source_environment_id=production)
    two = running.deploy(production, page("two"))
    place = f"/environments/{production}"
    client.carry_out(client.post(f"{place}/rollback", json={}))
    backup = running.backup(production)
    running.restore(production, backup)
    promotion = {"target_environment_id": production, "promotion_preset": "full"}
    client.carry_out(client.post(f"/environments/{staging}/promote", json=promotion))
    hostname = f"{running.slug()}.example.test"
    domain = running.add_domain(production, hostname)
    client.carry_out(client.patch(f"{place}/cache", json={"fastcgi_cache_enabled": True}))
    client.carry_out(client.post(f"{place}/cache/purge"))
    client.carry_out(client.post(f"{place}/drift-check"))
    (running.live(production) / "index.html").chmod(0o644)
    (running.live(production) / "index.html").write_text("changed behind the back")
    client.carry_out(client.post(f"{place}/drift-check"))
    client.carry_out(client.delete(f"/domains/{domain}"))
    client.carry_out(client.delete(f"/backups/{backup}"))
    client.carry_out(client.delete(f"/environments/{staging}"))
    upload = running.upload(make_tar(page("imported")))
    client.carry_out(client.post(f"/sites/{site}/import", json={"archive_url": f"upload:{upload}"}))
    client.carry_out(client.delete(f"/sites/{site}"))

    events = heard(running, site)
    told = [event for event in events if not event["type"].startswith("job.")]
    assert types(told) == [
        "site.created",
        "environment.created",
        "environment.deployed",
        "environment.created",
        "environment.deployed",
        "environment.rolled_back",
        "backup.completed",
        "backup.completed",  # the one that is made before a restore
        "environment.restored",
        "backup.completed",  # and before a promotion
        "environment.promoted",
        "domain.added",
        "environment.cache_changed",
        "environment.cache_purged",
        "environment.drift_checked",
        "environment.drift_checked",
        "environment.drifted",
        "domain.removed",
        "backup.deleted",
        "environment.deleted",
        "backup.completed",  # and before an import
        "site.imported",
        "environment.deleted",
        "site.deleted",
    ]
    assert {e["type"] for e in events if e["type"].startswith("job.")} == {"job.completed"}
    by_type = {event["type"]: event for event in told}
    first, second = (event for event in told if event["type"] == "environment.deployed")
    assert first["changes"]["current_release_id"] == {"before": None, "after": one}
    assert first["changes"]["url"] == {"before": None, "after": first["data"]["url"]}
    assert second["changes"] == {"current_release_id": {"before": one, "after": two}}
    back = by_type["environment.rolled_back"]
    assert back["changes"] == {"current_release_id": {"before": two, "after": one}}
    assert by_type["environment.cache_changed"]["changes"] == {
        "fastcgi_cache_enabled": {"before": False, "after": True}
    }
    assert by_type["environment.drifted"]["changes"]["drift_status"] == {
        "before": "clean",
        "after": "drifted",
    }
    assert by_type["domain.added"]["data"]["hostname"] == hostname
    assert by_type["domain.added"]["data"]["status"] == "active"
    assert by_type["backup.deleted"]["data"]["id"] == backup
    assert by_type["environment.promoted"]["subject"] == f"environment:{production}"
    assert by_type["site.deleted"]["data"]["id"] == site


def test_what_fails_or_is_cancelled_tells_that_and_nothing_else(running: Running) -> None:
    client = running.client
    site, production = running.production()
    failed = fails(
        client, running.order_git(production, f"{running.repository().url}#nowhere"), "source_ref_not_found"
    )
    with running.worker_stopped():
        waiting = running.order_deploy(production, page("never")).json()["job_id"]
        assert client.post(f"/jobs/{waiting}/cancel").status_code == 202
        assert client.post(f"/jobs/{waiting}/cancel").status_code == 409
    again = client.finish(client.post(f"/jobs/{waiting}/retry"))
    events = heard(running, site)
    assert types(events) == [
        "site.created",
        "job.completed",
        "environment.created",
        "job.completed",
        "job.failed",
        "job.cancelled",
        "job.retried",
        "environment.deployed",
        "job.completed",
    ]
    assert events[4]["data"]["error_code"] == failed["error_code"]
    assert events[6]["data"]["retry_of"] == waiting
    assert events[8]["data"]["id"] == events[6]["data"]["id"] == again["id"]
    told = client.get("/v1/notifications", params={"unread": "true", "limit": 100}).json()["data"]
    mine = [one for one in told if one["project_id"] == site]
    assert [(one["kind"], one["link"]) for one in mine] == [("job.failed", f"/api/jobs/{failed['id']}")]


def test_an_import_into_an_empty_site_makes_an_environment(running: Running) -> None:
    site = running.site()
    upload = running.upload(make_tar(page("imported")))
    order = running.client.post(f"/sites/{site}/import", json={"archive_url": f"upload:{upload}"})
    running.client.carry_out(order)
    told = [name for name in types(heard(running, site)) if not name.startswith("job.")]
    assert told == ["site.created", "environment.created", "site.imported"]
