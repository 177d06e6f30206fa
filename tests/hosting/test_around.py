"""What surrounds a site: domains, caches, updates and one-time logins (S2-61 … S2-64, S2-71 … S2-106)."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.hosting.running import Running, expect, fails, page


def server_block(running: Running, environment: str) -> str:
    path: Path = running.product.home / "nodes" / "local" / "nginx" / f"{environment}.conf"
    return path.read_text()


def test_create_domain_serves_and_delete_domain_stops(running: Running) -> None:
    """S2-101 … S2-106: the site answers to its domains from the job's end on, and no more when they go."""
    client = running.client
    _, environment = running.production()
    running.deploy(environment, page("mine"))
    hostname = f"{running.slug()}.example.test"
    assert running.visit(hostname).status_code == 404
    with running.worker_stopped():
        order = client.post(f"/environments/{environment}/domains", json={"hostname": hostname})
        domain = running.rows(f"/environments/{environment}/domains")[0]
        assert (domain["hostname"], domain["status"]) == (hostname, "creating")
    client.carry_out(order)
    assert running.rows(f"/environments/{environment}/domains")[0]["status"] == "active"
    assert running.visit(hostname).text == "<h1>mine</h1>\n"
    assert running.visit(f"{hostname.upper()}:80").text == "<h1>mine</h1>\n"
    assert f" {hostname};" in server_block(running, environment)
    running.deploy(environment, page("next"))
    assert running.visit(hostname).text == "<h1>next</h1>\n"
    _, other = running.production()
    for wanted in (hostname, running.get(f"/environments/{environment}")["url"].split("/")[2].split(":")[0]):
        answer = client.post(f"/environments/{other}/domains", json={"hostname": wanted})
        assert expect(answer, 409, "hostname_taken")["errors"][0]["field"] == "/body/hostname"
    with running.worker_stopped():
        end = client.delete(f"/domains/{domain['id']}")
        assert running.rows(f"/environments/{environment}/domains")[0]["status"] == "deleting"
        expect(client.delete(f"/domains/{domain['id']}"), 409, "domain_deleting")
    client.carry_out(end)
    assert running.visit(hostname).status_code == 404
    assert hostname not in server_block(running, environment)
    assert running.rows(f"/environments/{environment}/domains") == []
    client.carry_out(client.post(f"/environments/{other}/domains", json={"hostname": hostname}))


def test_names_that_writ_gives_out_itself_are_nobodys_domain(running: Running) -> None:
    """A site that is yet to come must find its own name free."""
    _, environment = running.production()
    later = {"hostname": f"production.{running.slug()}.localhost"}
    expect(running.client.post(f"/environments/{environment}/domains", json=later), 409, "hostname_taken")


def test_create_domain_gives_a_hostname_once_however_many_ask_at_once(running: Running) -> None:
    client, hostname = running.client, f"{running.slug()}.example.test"
    environments = [running.production()[1] for _ in range(2)]
    with ThreadPoolExecutor(6) as threads:
        answers = list(
            threads.map(
                lambda number: client.post(
                    f"/environments/{environments[number % 2]}/domains", json={"hostname": hostname}
                ),
                range(6),
            )
        )
    for answer in answers:
        if answer.status_code != 202:
            expect(answer, 409, "hostname_taken")
    accepted = [it for it in answers if it.status_code == 202]
    assert len(accepted) == 1
    client.carry_out(accepted[0])


def test_hostnames_that_are_none_are_refused(running: Running) -> None:
    _, environment = running.production()
    for wrong in (
        "127.0.0.1",
        "a b.example.test",
        "x.example.test.",
        "-a.example.test",
        "EXAMPLE.test",
        "a",
        "*.a.test",
    ):
        answer = running.client.post(f"/environments/{environment}/domains", json={"hostname": wrong})
        assert expect(answer, 422, "validation_error")["errors"][0]["field"] == "/body/hostname"


def test_a_cancelled_domain_is_not_served_and_can_be_removed(running: Running) -> None:
    client = running.client
    _, environment = running.production()
    running.deploy(environment, page("mine"))
    hostname = f"{running.slug()}.example.test"
    with running.worker_stopped():
        order = client.post(f"/environments/{environment}/domains", json={"hostname": hostname})
        client.post(f"/jobs/{order.json()['job_id']}/cancel")
    domain = running.rows(f"/environments/{environment}/domains")[0]
    assert domain["status"] == "failed"
    assert running.visit(hostname).status_code == 404
    client.carry_out(client.post(f"/jobs/{order.json()['job_id']}/retry"))
    assert running.visit(hostname).status_code == 200
    expect(client.post(f"/jobs/{order.json()['job_id']}/retry"), 409, "job_not_retryable")
    client.carry_out(client.delete(f"/domains/{domain['id']}"))


def test_set_cache_and_purge_cache_write_the_server_block_anew(running: Running) -> None:
    """S2-71 … S2-82: flags are the environment's; what an order does not name stays."""
    client = running.client
    _, environment = running.production()
    running.deploy(environment, page("mine"))
    place = f"/environments/{environment}"

    def flags() -> tuple[bool, bool]:
        found = running.get(place)
        return found["fastcgi_cache_enabled"], found["redis_cache_enabled"]

    assert flags() == (False, False)
    client.carry_out(client.patch(f"{place}/cache", json={"fastcgi_cache_enabled": True}))
    assert flags() == (True, False)
    client.carry_out(client.patch(f"{place}/cache", json={"redis_cache_enabled": True}))
    assert flags() == (True, True)
    waits = "FastCGI page cache on once the node has PHP, Redis object cache on."
    assert waits in server_block(running, environment)
    client.carry_out(client.patch(f"{place}/cache", json={"fastcgi_cache_enabled": False}))
    assert flags() == (False, True)
    for wrong in ({}, {"fastcgi_cache_enabled": "yes"}, {"fastcgi_cache_enabled": None}, {"other": True}):
        expect(client.patch(f"{place}/cache", json=wrong), 422, "validation_error")
    path = running.product.home / "nodes" / "local" / "nginx" / f"{environment}.conf"
    hostname = running.get(place)["url"].split("/")[2].split(":")[0]
    path.unlink()
    client.carry_out(client.post(f"{place}/cache/purge"))
    block = server_block(running, environment)
    assert f"server_name {hostname};" in block
    assert f'root "{running.home(environment).resolve()}/current";' in block
    kept = (running.home(environment) / "cache.json").read_text()
    assert '"generation": 2' in kept
    assert flags() == (False, True)


@pytest.mark.skipif(bool(shutil.which("wp") and shutil.which("php")), reason="this machine lacks nothing")
def test_updates_and_magic_login_say_what_the_node_lacks(running: Running) -> None:
    """S2-64, S2-78, S2-83 … S2-95: without WP-CLI and PHP the answer names them, and nothing changes."""
    client = running.client
    _, environment = running.production()
    running.deploy(environment, page("mine"))
    body = expect(client.post(f"/environments/{environment}/magic-login"), 502, "wp_cli_error")
    assert "WP-CLI" in body["message"]
    assert "PHP" in body["message"]
    for scope in ("core", "plugins", "themes", "all"):
        order = client.post(f"/environments/{environment}/updates", json={"scope": scope})
        job = fails(client, order, "wp_cli_error")
        assert "WP-CLI" in job["error_message"]
    _, press = running.production()
    running.deploy(press, page("press") | {"wp-includes/version.php": "<?php $wp_version = '6.9';"})
    switch = client.patch(f"/environments/{press}/cache", json={"redis_cache_enabled": True})
    job = fails(client, switch, "wp_cli_error")
    assert "WP-CLI" in job["error_message"]
    assert running.get(f"/environments/{press}")["redis_cache_enabled"] is False
    wrong = client.post(f"/environments/{environment}/updates", json={"scope": "everything"})
    expect(wrong, 422, "validation_error")
    running.shows(environment, "mine")
    assert [it["status"] for it in running.rows(f"/environments/{environment}/releases")] == ["good"]
