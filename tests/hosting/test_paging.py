"""Lists: walked by cursor, sorted both ways, filtered (S2-37, S2-43, S2-100, S2-101, S2-107)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.hosting.running import Running, expect, page


def walk(running: Running, path: str, limit: int, **query: Any) -> list[dict[str, Any]]:
    """Every row of a list, page by page."""
    rows: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": limit} | query
    while True:
        answer = running.client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert set(found) == {"data", "pagination"}
        assert found["pagination"]["limit"] == limit
        assert len(found["data"]) <= limit
        rows += found["data"]
        cursor = found["pagination"]["next_cursor"]
        if cursor is None:
            return rows
        assert len(found["data"]) == limit
        params["cursor"] = cursor


@pytest.fixture(scope="module")
def full(running: Running) -> tuple[str, str]:
    """A site and an environment with several of each noun."""
    site, environment = running.production()
    for number in range(3):
        running.environment(site, f"extra-{number}", "development" if number else "staging")
        running.add_domain(environment, f"{running.slug()}.example.test")
    for word in ("one", "two"):
        running.deploy(environment, page(word))
    for scope in ("db", "files", "full"):
        running.backup(environment, scope)
    return site, environment


@pytest.mark.parametrize("noun", ["environments", "releases", "backups", "domains", "site jobs", "jobs"])
def test_every_list_is_walked_whole_in_both_directions(
    running: Running, full: tuple[str, str], noun: str
) -> None:
    """list_site_environments, list_releases, list_backups, list_domains, list_jobs: no row twice or lost."""
    site, environment = full
    path, query = {
        "environments": (f"/sites/{site}/environments", {}),
        "site jobs": ("/jobs", {"site_id": site}),
        "jobs": ("/jobs", {"environment_id": environment}),
    }.get(noun, (f"/environments/{environment}/{noun}", {}))
    whole = running.rows(path, **query)
    assert len(whole) >= 2
    assert [it["created_at"] for it in whole] == sorted((it["created_at"] for it in whole), reverse=True)
    ids = [it["id"] for it in whole]
    assert len(set(ids)) == len(ids)
    for limit in (1, 2, len(ids)):
        assert [it["id"] for it in walk(running, path, limit, **query)] == ids
        back = walk(running, path, limit, sort="created_at", **query)
        assert [it["id"] for it in back] == ids[::-1]


def test_filters_give_what_they_name_and_nothing_else(running: Running, full: tuple[str, str]) -> None:
    site, environment = full
    environments, backups = f"/sites/{site}/environments", f"/environments/{environment}/backups"
    releases, domains = f"/environments/{environment}/releases", f"/environments/{environment}/domains"
    assert [it["slug"] for it in walk(running, environments, 1, type="development")] == ["extra-2", "extra-1"]
    assert len(walk(running, environments, 2, status="active")) == 4
    assert walk(running, environments, 2, status="failed") == []
    assert [it["backup_scope"] for it in walk(running, backups, 1, backup_scope="db")] == ["db"]
    assert len(walk(running, backups, 1, status="available")) == 3
    assert len(walk(running, releases, 1, status="good")) == 2
    assert walk(running, releases, 1, status="bad") == []
    assert len(walk(running, domains, 2, status="active")) == 3
    made = walk(running, "/jobs", 2, kind="backup.create", environment_id=environment)
    assert {it["kind"] for it in made} == {"backup.create"}
    assert len(made) == 3
    assert walk(running, "/jobs", 5, status="running", site_id=site) == []
    slug = running.get(f"/sites/{site}")["slug"]
    assert [it["id"] for it in walk(running, "/sites", 1, slug=slug)] == [site]
    assert site in [it["id"] for it in walk(running, "/sites", 50, status="active")]


def test_list_sites_keeps_its_place_while_sites_are_added(running: Running, full: tuple[str, str]) -> None:
    """A walk sees every row that was there when it began, once, whatever is added meanwhile."""
    for sort in ("-created_at", "created_at", "slug", "-slug"):
        there = {it["id"] for it in walk(running, "/sites", 100, sort=sort)}
        seen: list[str] = []
        params: dict[str, Any] = {"limit": 3, "sort": sort}
        added = 0
        while True:
            found = running.get("/sites?" + "&".join(f"{name}={value}" for name, value in params.items()))
            seen += [it["id"] for it in found["data"]]
            if added < 2:
                slug = running.slug()
                running.client.carry_out(running.client.post("/sites", json={"name": slug, "slug": slug}))
                added += 1
            if found["pagination"]["next_cursor"] is None:
                break
            params["cursor"] = found["pagination"]["next_cursor"]
        assert len(set(seen)) == len(seen)
        assert there <= set(seen)
    slugs = [it["slug"] for it in walk(running, "/sites", 7, sort="slug")]
    assert slugs == sorted(slugs)
    assert [it["slug"] for it in walk(running, "/sites", 4, sort="-slug")] == slugs[::-1]


def test_a_cursor_of_another_list_or_sort_is_refused(running: Running, full: tuple[str, str]) -> None:
    site, environment = full
    cursor = running.get(f"/sites/{site}/environments?limit=1")["pagination"]["next_cursor"]
    place = {"limit": 1, "cursor": cursor}
    other = place | {"sort": "created_at"}
    expect(running.client.get(f"/sites/{site}/environments", params=other), 422, "cursor_invalid")
    expect(running.client.get("/jobs", params=place), 422, "cursor_invalid")
    for wrong in ("AAAA", "W10", "_-", "e30"):
        broken = {"cursor": wrong}
        expect(
            running.client.get(f"/environments/{environment}/backups", params=broken), 422, "cursor_invalid"
        )
    assert running.client.get("/sites", params={"limit": 0}).status_code == 422
    assert running.client.get("/sites", params={"limit": 101}).status_code == 422
    assert running.client.get("/sites", params={"sort": "name"}).status_code == 422
