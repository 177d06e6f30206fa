"""Backups, restores, clones, promotions and drift: content comes back file by file, row by row."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import Any
from uuid import uuid4

import pytest

from tests.hosting.running import Running, database, expect, fails, page, read_rows, write_rows

UPLOAD = "wp-content/uploads/2026/photo.txt"
DATABASE = "wp-content/database/site.sqlite"


def furnish(running: Running, environment: str, word: str) -> None:
    """Deploy a page whose first content is an upload and a database that say the same word."""
    content: dict[str, str | bytes] = {UPLOAD: word, DATABASE: database(running.folder, word)}
    running.deploy(environment, page(word) | content)


def change(running: Running, environment: str, word: str) -> None:
    """Change the content as visitors do, and deploy another page."""
    running.deploy(environment, page(word))
    live = running.live(environment)
    (live / UPLOAD).write_text(word)
    (live / "wp-content" / "uploads" / f"{word}.txt").write_text("new")
    write_rows(live / DATABASE, word)


def state(running: Running, environment: str) -> tuple[str, str, list[str]]:
    """What visitors get: the page, the upload, and the rows of the database."""
    served = running.client.served(environment)
    upload = running.client.served(environment, f"/{UPLOAD}")
    assert (served.status_code, upload.status_code) == (200, 200)
    rows = read_rows(running.live(environment) / DATABASE)
    return served.text.removeprefix("<h1>").removesuffix("</h1>\n"), upload.text, rows


@pytest.mark.parametrize(
    ("scope", "parts"),
    [("db", {"database"}), ("files", {"code", "uploads"}), ("full", {"code", "uploads", "database"})],
)
def test_create_backup_of_each_scope_is_proved_and_downloaded_whole(
    running: Running, furnished: str, scope: str, parts: set[str]
) -> None:
    """S2-96 … S2-99: the archive's manifest names every file in it, with its checksum."""
    client, environment = running.client, furnished
    order = client.post(f"/environments/{environment}/backups", json={"backup_scope": scope})
    job = client.carry_out(order)
    backup = running.get(f"/backups/{job['backup_id']}")
    assert (backup["status"], backup["backup_scope"], backup["reason"]) == ("available", scope, "requested")
    assert backup["verified_at"] >= backup["created_at"]
    answer = client.get(f"/backups/{backup['id']}/download")
    assert answer.headers["Content-Type"] == "application/gzip"
    assert f'filename="backup-{backup["id"]}.tar.gz"' in answer.headers["Content-Disposition"]
    assert hashlib.sha256(answer.content).hexdigest() == backup["sha256"]
    assert len(answer.content) == backup["size_bytes"]
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
        files: dict[str, bytes] = {}
        for info in archive:
            reader = archive.extractfile(info)
            if reader is not None:
                files[info.name] = reader.read()
    manifest: dict[str, Any] = json.loads(files.pop("manifest.json"))
    assert set(manifest["parts"]) == parts
    stated = {name: (it["sha256"], it["size"]) for name, it in manifest["files"].items()}
    assert stated == {name: (hashlib.sha256(data).hexdigest(), len(data)) for name, data in files.items()}
    assert {name.split("/")[0] for name in files} == parts
    assert running.leftovers(environment) == []


@pytest.fixture(scope="module")
def furnished(running: Running) -> str:
    """An environment with a page, an upload and a database."""
    environment = running.production()[1]
    furnish(running, environment, "first")
    return environment


def test_create_backup_can_be_read_at_once_and_is_in_use_meanwhile(running: Running, furnished: str) -> None:
    client = running.client
    with running.worker_stopped():
        order = client.post(f"/environments/{furnished}/backups", json={"backup_scope": "db"})
        backup = running.get(f"/jobs/{order.json()['job_id']}")["backup_id"]
        found = running.get(f"/backups/{backup}")
        assert (found["status"], found["size_bytes"], found["verified_at"]) == ("creating", None, None)
        expect(client.delete(f"/backups/{backup}"), 409, "backup_in_use")
        expect(client.get(f"/backups/{backup}/download"), 409, "backup_not_available")
        early = {"backup_id": backup}
        expect(client.post(f"/environments/{furnished}/restore", json=early), 409, "backup_not_available")
    client.carry_out(order)
    with running.worker_stopped():
        restore = client.post(f"/environments/{furnished}/restore", json={"backup_id": backup})
        expect(client.delete(f"/backups/{backup}"), 409, "backup_in_use")
        client.post(f"/jobs/{restore.json()['job_id']}/cancel")
    file = running.product.home / "files" / "backups" / backup
    assert file.is_file()
    with running.worker_stopped():
        end = client.delete(f"/backups/{backup}")
        assert running.get(f"/backups/{backup}")["status"] == "deleting"
        expect(client.delete(f"/backups/{backup}"), 409, "backup_in_use")
        expect(client.get(f"/backups/{backup}/download"), 409, "backup_not_available")
    client.carry_out(end)
    expect(client.get(f"/backups/{backup}"), 404, "backup_not_found")
    assert not file.exists()


def test_restore_full_brings_everything_back_and_can_be_undone(running: Running) -> None:
    """S2-65 … S2-67: a backup is taken first, and restoring that one undoes the restore."""
    _, environment = running.production()
    furnish(running, environment, "first")
    backup = running.backup(environment)
    change(running, environment, "second")
    assert state(running, environment) == ("second", "second", ["first", "second"])
    job = running.restore(environment, backup)
    assert job["backup_id"] == backup
    assert state(running, environment) == ("first", "first", ["first"])
    assert running.client.served(environment, "/wp-content/uploads/second.txt").status_code == 404
    safety = running.get(f"/backups/{job['result']['safety_backup_id']}")
    assert (safety["reason"], safety["status"], safety["backup_scope"]) == (
        "before_restore",
        "available",
        "full",
    )
    release = running.rows(f"/environments/{environment}/releases")[0]
    assert (release["source_type"], release["source_ref"]) == ("restore", f"backup:{backup}")
    assert running.leftovers(environment) == []
    running.restore(environment, safety["id"])
    assert state(running, environment) == ("second", "second", ["first", "second"])
    assert running.client.served(environment, "/wp-content/uploads/second.txt").text == "new"


def test_restore_of_a_part_leaves_the_others_as_they_are(running: Running) -> None:
    _, environment = running.production()
    furnish(running, environment, "first")
    rows, files = running.backup(environment, "db"), running.backup(environment, "files")
    change(running, environment, "second")
    running.restore(environment, rows)
    assert state(running, environment) == ("second", "second", ["first"])
    write_rows(running.live(environment) / DATABASE, "third")
    running.restore(environment, files)
    assert state(running, environment) == ("first", "first", ["first", "third"])
    running.client.carry_out(running.client.post(f"/environments/{environment}/rollback"))
    assert state(running, environment) == ("second", "second", ["first", "third"])


def test_a_restore_that_cannot_be_done_changes_nothing(running: Running) -> None:
    """A backup that is damaged, of another environment, or unknown."""
    client = running.client
    _, environment = running.production()
    furnish(running, environment, "first")
    backup = running.backup(environment)
    _, other = running.production()
    wrong = {"backup_id": backup}
    expect(client.post(f"/environments/{other}/restore", json=wrong), 409, "backup_environment_mismatch")
    nobody = {"backup_id": str(uuid4())}
    expect(client.post(f"/environments/{environment}/restore", json=nobody), 404, "backup_not_found")
    change(running, environment, "second")
    file = running.product.home / "files" / "backups" / backup
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
    order = client.post(f"/environments/{environment}/restore", json={"backup_id": backup})
    job = fails(client, order, "backup_corrupt")
    assert state(running, environment) == ("second", "second", ["first", "second"])
    assert [it["status"] for it in job["steps"]][:2] == ["undone", "failed"]
    file.unlink()
    expect(client.get(f"/backups/{backup}/download"), 409, "backup_not_available")
    fails(client, client.post(f"/jobs/{job['id']}/retry"), "backup_not_available")
    assert state(running, environment) == ("second", "second", ["first", "second"])
    kept = [
        it for it in running.rows(f"/environments/{environment}/backups") if it["reason"] == "before_restore"
    ]
    assert [it["status"] for it in kept] == ["available", "available"]
    assert running.leftovers(environment) == []
    generations = {it.name for it in (running.home(environment) / "shared").iterdir()}
    assert len(generations) == 1


def test_clones_by_preset(running: Running) -> None:
    """S2-51, S2-52: a copy has what its preset says, and is a copy: neither side changes the other."""
    client = running.client
    site, environment = running.production()
    furnish(running, environment, "first")
    found = {}
    for preset in ("full", "code", "content"):
        clone = running.environment(
            site, f"c-{preset}", source_environment_id=environment, promotion_preset=preset
        )
        found[preset] = clone
        there = running.get(f"/environments/{clone}")
        assert (there["source_environment_id"], there["promotion_preset"]) == (environment, preset)
        assert running.rows(f"/environments/{clone}/releases")[0]["source_type"] == "clone"
    assert state(running, found["full"]) == ("first", "first", ["first"])
    assert state(running, found["content"]) == ("first", "first", ["first"])
    running.shows(found["code"], "first")
    assert client.served(found["code"], f"/{UPLOAD}").status_code == 404
    (running.live(found["full"]) / UPLOAD).write_text("changed")
    (running.live(found["full"]) / "index.html").write_text("changed")
    write_rows(running.live(found["full"]) / DATABASE, "changed")
    assert state(running, environment) == ("first", "first", ["first"])
    strange = {"name": "x", "slug": "x", "type": "staging", "source_environment_id": environment}
    expect(client.post(f"/sites/{running.site()}/environments", json=strange), 409, "source_other_site")
    nobody = strange | {"source_environment_id": str(uuid4())}
    expect(client.post(f"/sites/{site}/environments", json=nobody), 404, "environment_not_found")
    empty = running.environment(site, "empty")
    of_nothing = running.environment(site, "of-nothing", source_environment_id=empty)
    assert running.get(f"/environments/{of_nothing}")["current_release_id"] is None


@pytest.mark.parametrize(
    ("preset", "after"),
    [
        ("full", ("stage", "stage", ["live", "stage"])),
        ("code", ("stage", "live", ["live"])),
        ("content", ("live", "stage", ["live", "stage"])),
    ],
)
def test_promote_by_preset(running: Running, preset: str, after: tuple[str, str, list[str]]) -> None:
    """S2-68 … S2-70: the target is backed up first, and keeps what the preset leaves out."""
    client = running.client
    site, live = running.production()
    furnish(running, live, "live")
    stage = running.environment(site, "stage", source_environment_id=live)
    change(running, stage, "stage")
    order = {"target_environment_id": live, "promotion_preset": preset}
    job = client.carry_out(client.post(f"/environments/{stage}/promote", json=order))
    assert state(running, live) == after
    assert job["environment_id"] == live
    backup = running.get(f"/backups/{job['result']['safety_backup_id']}")
    assert (backup["environment_id"], backup["reason"], backup["status"]) == (
        live,
        "before_promote",
        "available",
    )
    assert state(running, stage) == ("stage", "stage", ["live", "stage"])
    if preset == "full":
        running.restore(live, backup["id"])
        assert state(running, live) == ("live", "live", ["live"])


def test_promotions_that_make_no_sense_are_refused(running: Running) -> None:
    client = running.client
    site, live = running.production()
    stage = running.environment(site, "stage")
    _, elsewhere = running.production()
    promote = f"/environments/{stage}/promote"
    expect(client.post(promote, json={"target_environment_id": stage}), 409, "promote_same_environment")
    expect(client.post(promote, json={"target_environment_id": live}), 409, "no_current_release")
    running.deploy(stage, page("stage"))
    expect(client.post(promote, json={"target_environment_id": elsewhere}), 409, "promote_other_site")
    expect(client.post(promote, json={"target_environment_id": str(uuid4())}), 404, "environment_not_found")
    with running.worker_stopped():
        end = client.delete(f"/environments/{live}")
        expect(client.post(promote, json={"target_environment_id": live}), 409, "environment_deleting")
    client.carry_out(end)


def test_check_drift_names_what_changed_behind_our_back(running: Running) -> None:
    """S2-55: a file added, one changed, one deleted; content is nobody's drift."""
    client = running.client
    _, environment = running.production()
    running.deploy(environment, page("first") | {"a/b.txt": "b", "c.txt": "c"})
    place = f"/environments/{environment}"
    assert running.get(place)["drift_status"] == "unknown"
    clean = client.carry_out(client.post(f"{place}/drift-check"))
    assert clean["result"]["counts"] == {"added": 0, "changed": 0, "deleted": 0}
    assert running.get(place)["drift_status"] == "clean"
    live = running.live(environment)
    (live / "shell.php").write_text("<?php")
    (live / "a" / "b.txt").write_text("B")
    (live / "c.txt").unlink()
    (live / "wp-content" / "uploads" / "photo.txt").write_text("content")
    result = client.carry_out(client.post(f"{place}/drift-check"))["result"]
    assert (result["added"], result["changed"], result["deleted"]) == (["shell.php"], ["a/b.txt"], ["c.txt"])
    found = running.get(place)
    assert found["drift_status"] == "drifted"
    assert found["drift_checked_at"] is not None
    running.deploy(environment, page("second"))
    assert running.get(place)["drift_status"] == "unknown"
