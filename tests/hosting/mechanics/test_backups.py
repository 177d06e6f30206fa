from __future__ import annotations

import hashlib
import json
import sqlite3
import tarfile
from pathlib import Path

import pytest

from tests.hosting.mechanics.world import World, add_rows, read_rows, sqlite_bytes, write_tar
from writ.contract.errors import Refusal
from writ.hosting.node import backups, content, releases
from writ.hosting.node.layout import Layout
from writ.hosting.node.local import EmbeddedNode


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "backup.tar.gz"


@pytest.fixture
def site(world: World) -> World:
    """A live site with code, an upload and a database of one post."""
    database = sqlite_bytes(world.folder, "first")
    world.deploy(
        "r1",
        {
            "index.php": b"<?php",
            "wp-content/uploads/2026/a.png": b"a",
            "wp-content/database/.ht.sqlite": database,
        },
    )
    return world


def live_database(world: World) -> Path:
    return world.live / "wp-content" / "database" / ".ht.sqlite"


def test_a_full_backup_goes_back_whole(site: World, archive: Path) -> None:
    made = backups.create(site.tools, site.layout, "r1", "full", site.scratch, archive)
    assert made.size == archive.stat().st_size
    assert made.sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert {part: count["files"] for part, count in made.parts.items()} == {
        "code": 1,
        "uploads": 1,
        "database": 1,
    }
    backups.verify(site.tools, archive, site.scratch, sha256=made.sha256)
    assert site.tools.list(site.scratch) == []

    add_rows(live_database(site), "second")
    (site.live / "wp-content" / "uploads" / "2026" / "a.png").write_bytes(b"spoilt")
    unpacked = backups.unpack(site.tools, archive, site.scratch, sha256=made.sha256)
    backups.restore_code(site.tools, unpacked, site.layout, "r2")
    assert set(backups.restore_content(site.tools, unpacked, site.layout, "g2")) == {"uploads", "database"}
    releases.link_shared(site.tools, site.layout, "r2", "g2")
    with pytest.raises(Refusal):
        backups.restore_code(site.tools, unpacked, site.layout, "r1")
    # Until the swap nothing of it is seen; after it, all.
    assert read_rows(live_database(site)) == ["first", "second"]
    releases.activate(site.tools, site.layout, "r2")
    assert read_rows(live_database(site)) == ["first"]
    assert (site.live / "wp-content" / "uploads" / "2026" / "a.png").read_bytes() == b"a"
    releases.rollback(site.tools, site.layout, "r1")
    assert read_rows(live_database(site)) == ["first", "second"]


@pytest.mark.parametrize(("scope", "parts"), [("db", {"database"}), ("files", {"code", "uploads"})])
def test_a_scope_holds_its_parts_only(scope: str, parts: set[str], site: World, archive: Path) -> None:
    backups.create(site.tools, site.layout, "r1", scope, site.scratch, archive)
    with tarfile.open(archive) as tar:
        names = tar.getnames()
        head = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
    assert names[0] == "manifest.json"
    assert {name.split("/")[0] for name in names[1:]} == parts == set(head["parts"])
    assert (head["scope"], head["environment_id"]) == (scope, site.layout.environment_id)
    unpacked = backups.unpack(site.tools, archive, site.scratch)
    if scope == "db":
        with pytest.raises(Refusal, match="BACKUP_CORRUPT"):
            backups.restore_code(site.tools, unpacked, site.layout, "r2")


@pytest.mark.parametrize("release", ["r1", None])
def test_a_site_without_a_database_has_an_empty_one_in_its_backup(
    release: str | None, world: World, archive: Path
) -> None:
    world.deploy("r1")
    made = backups.create(world.tools, world.layout, release, "db", world.scratch, archive)
    assert made.parts == {"database": {"files": 0, "bytes": 0}}
    backups.verify(world.tools, archive, world.scratch)


@pytest.mark.parametrize("tool", [True, False], ids=["with sqlite3", "without sqlite3"])
def test_a_database_in_use_is_copied_with_what_is_in_its_journal(
    tool: bool, site: World, archive: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if tool and not site.tools.node.which("sqlite3"):
        pytest.skip("needs the sqlite3 program")
    if not tool:
        monkeypatch.setattr(EmbeddedNode, "which", lambda self, name: name != "sqlite3")
    writer = sqlite3.connect(live_database(site))
    writer.execute("pragma journal_mode = wal")
    writer.execute("insert into posts values ('only in the journal')")
    writer.commit()
    assert live_database(site).with_name(".ht.sqlite-wal").stat().st_size > 0
    made = backups.create(site.tools, site.layout, "r1", "db", site.scratch, archive)
    writer.close()
    backups.verify(site.tools, archive, site.scratch, sha256=made.sha256)
    unpacked = backups.unpack(site.tools, archive, site.scratch)
    assert read_rows(Path(unpacked.folder) / "database" / ".ht.sqlite") == ["first", "only in the journal"]
    assert made.parts["database"]["files"] == (1 if tool else 3)
    assert any("no sqlite3" in line for line in lines) is not tool


def members(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "damage",
    ["cut", "changed", "missing", "extra", "no manifest", "bad manifest", "other format", "no archive"],
)
def test_a_damaged_backup_is_found(damage: str, site: World, archive: Path) -> None:
    made = backups.create(site.tools, site.layout, "r1", "full", site.scratch, archive)
    files = members(archive)
    head = json.loads(files["manifest.json"])
    match damage:
        case "changed":
            files["uploads/2026/a.png"] = b"b"
        case "missing":
            del files["code/index.php"]
        case "extra":
            files["code/evil.php"] = b""
        case "no manifest":
            del files["manifest.json"]
        case "bad manifest":
            files["manifest.json"] = b'{"format": 1}'
        case "other format":
            files["manifest.json"] = json.dumps(head | {"format": 2}).encode()
    if damage == "no archive":
        archive.unlink()
    elif damage == "cut":
        archive.write_bytes(archive.read_bytes()[:-100])
    else:
        write_tar(archive, files)
    for sha256 in (made.sha256, None):
        with pytest.raises(Refusal) as refused:
            backups.verify(site.tools, archive, site.scratch, sha256=sha256)
        assert refused.value.code == "BACKUP_CORRUPT"


def test_a_database_that_was_damaged_before_its_backup_is_found(site: World, archive: Path) -> None:
    if not site.tools.node.which("sqlite3"):
        pytest.skip("needs the sqlite3 program")
    add_rows(live_database(site), *("row" * 50 for _ in range(2000)))
    data = bytearray(live_database(site).read_bytes())
    data[8192:16384] = b"\xff" * 8192
    live_database(site).write_bytes(data)
    backups.create(site.tools, site.layout, "r1", "db", site.scratch, archive)
    with pytest.raises(Refusal) as refused:
        backups.verify(site.tools, archive, site.scratch)
    assert refused.value.code == "BACKUP_CORRUPT"


def test_content_is_copied_to_another_environment_and_stays_apart(site: World) -> None:
    other = Layout(site.tools.node.root, "other")
    content.copy_parts(site.tools, site.layout, "g1", other, "h1")
    releases.copy_code(site.tools, site.layout.release("r1"), other, "s1")
    releases.link_shared(site.tools, other, "s1", "h1")
    releases.activate(site.tools, other, "s1")
    copy = Path(other.current)
    (copy / "index.php").write_bytes(b"changed")
    (copy / "wp-content" / "uploads" / "2026" / "a.png").write_bytes(b"changed")
    add_rows(copy / "wp-content" / "database" / ".ht.sqlite", "only in the copy")
    assert (site.live / "index.php").read_bytes() == b"<?php"
    assert (site.live / "wp-content" / "uploads" / "2026" / "a.png").read_bytes() == b"a"
    assert read_rows(live_database(site)) == ["first"]
    assert read_rows(copy / "wp-content" / "database" / ".ht.sqlite") == ["first", "only in the copy"]
    with pytest.raises(Refusal):
        content.copy_parts(site.tools, site.layout, "g1", site.layout, "g1")


def test_content_that_is_served_is_never_replaced(site: World, archive: Path) -> None:
    backups.create(site.tools, site.layout, "r1", "full", site.scratch, archive)
    unpacked = backups.unpack(site.tools, archive, site.scratch)
    with pytest.raises(Refusal, match="served now"):
        backups.restore_content(site.tools, unpacked, site.layout, "g1")
    content.create_empty(site.tools, site.layout, "g2")
    with pytest.raises(Refusal, match="served now"):
        content.copy_parts(site.tools, site.layout, "g2", site.layout, "g1")
    assert read_rows(live_database(site)) == ["first"]
