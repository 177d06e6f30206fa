from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from tests.hosting.mechanics.world import World, write_tar
from writ.contract.errors import Refusal
from writ.hosting.node import backups, content, releases
from writ.hosting.node.base import Tools, confine
from writ.hosting.node.layout import Layout
from writ.hosting.node.local import EmbeddedNode
from writ.hosting.sources import archives
from writ.processes import Stopped

ROOT = PurePosixPath("/srv/node")


@pytest.mark.parametrize("path", ["/etc", "..", "a/../..", "/srv/node/../x", "/srv/nodes", "a\0b", "/srv"])
def test_paths_outside_the_node_are_refused(path: str) -> None:
    with pytest.raises(Refusal, match="NODE_COMMAND_FAILED"):
        confine(ROOT, path)


@pytest.mark.parametrize("path", ["a", "/srv/node", "/srv/node/a/../b", "./a"])
def test_paths_inside_are_taken(path: str) -> None:
    assert str(confine(ROOT, path)).startswith("/srv/node")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-a", "a b", "a\n", "a" * 101, "é"])
def test_ids_are_plain_names(name: str) -> None:
    with pytest.raises(Refusal):
        Layout(ROOT, "env").release(name)
    with pytest.raises(Refusal):
        _ = Layout(ROOT, name).home


def test_files_are_moved_and_confined(node: EmbeddedNode, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"data")
    node.put(tmp_path / "a", node.root / "b")
    node.get(node.root / "b", tmp_path / "c")
    assert (tmp_path / "c").read_bytes() == b"data"
    (Path(node.root) / "out").symlink_to(tmp_path)
    for remote in (node.root / "out" / "evil", PurePosixPath(str(tmp_path / "evil"))):
        with pytest.raises(Refusal):
            node.put(tmp_path / "a", remote)
        with pytest.raises(Refusal):
            node.get(remote.with_name("a"), tmp_path / "d")
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path / "d").exists()


def test_a_failed_command_says_why_and_no_path_of_the_node(tools: Tools) -> None:
    with pytest.raises(Refusal) as refused:
        tools.run("ls", str(tools.node.root / "missing"))
    assert refused.value.code == "NODE_COMMAND_FAILED"
    assert "No such file" in refused.value.message
    assert str(tools.node.root) not in refused.value.message


def test_a_missing_tool_is_named(tools: Tools) -> None:
    with pytest.raises(Refusal, match="no-such-tool"):
        tools.run("no-such-tool")
    assert not tools.node.which("no-such-tool")
    assert tools.node.which("tar")


def test_the_root_itself_is_never_removed(tools: Tools) -> None:
    for path in (tools.node.root, tools.node.root / "a" / "..", PurePosixPath("/")):
        with pytest.raises(Refusal):
            tools.remove(path)
    assert tools.test("-d", tools.node.root)


def test_small_files(tools: Tools) -> None:
    path = tools.node.root / "notes"
    tools.write(path, b"one\n")
    tools.append(path, b"two\n")
    assert tools.read(path) == b"one\ntwo\n"
    tools.write(path, b"")
    assert tools.read(path) == b""
    assert tools.list(tools.node.root) == ["notes"]


def test_a_shared_copy_shares_and_a_real_one_does_not(tools: Tools) -> None:
    root = Path(tools.node.root)
    (root / "a").mkdir()
    (root / "a" / "f").write_text("x")
    tools.copy_tree(tools.node.root / "a", tools.node.root / "b", share=True)
    tools.copy_tree(tools.node.root / "a", tools.node.root / "c", share=False)
    assert (root / "b" / "f").samefile(root / "a" / "f")
    assert not (root / "c" / "f").samefile(root / "a" / "f")


def test_stop_ends_a_step(node: EmbeddedNode) -> None:
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    with pytest.raises(Stopped):
        Tools(node, stop=stop).run("sleep", "30")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody mount a tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_called_that_and_the_old_release_serves_on(small_disk: Path, tmp_path: Path) -> None:
    node = EmbeddedNode(small_disk / "node")
    layout = Layout(node.root, "env")
    world = World(Tools(node, timeout=30), layout, layout.scratch("job", 1), tmp_path)
    world.deploy("r1")
    big = {"big": os.urandom(700_000)}
    archives.sanitise(write_tar(tmp_path / "big.tar.gz", big), tmp_path / "big.tar")
    # The archive fits and what is in it does not; then not even the archive does.
    for extra in ({}, {"more": os.urandom(700_000)}):
        archives.sanitise(write_tar(tmp_path / "big.tar.gz", big | extra), tmp_path / "big.tar")
        with pytest.raises(Refusal) as refused:
            releases.unpack(world.tools, layout, "r2", tmp_path / "big.tar", world.scratch)
        assert refused.value.code == "DISK_FULL"
        assert releases.current(world.tools, layout) == "r1"
        assert (world.live / "index.html").read_bytes() == b"<h1>one</h1>\n"
        world.tools.remove(world.scratch)
    with pytest.raises(Refusal) as refused:
        world.tools.write(node.root / "note", os.urandom(1_200_000))
    assert refused.value.code == "DISK_FULL"
    archive = small_disk / "clean.tar"
    with pytest.raises(Refusal, match="DISK_FULL"):
        archives.sanitise(tmp_path / "big.tar.gz", archive)
    assert not archive.exists()


def test_a_full_disk_during_a_backup(small_disk: Path, tmp_path: Path) -> None:
    node = EmbeddedNode(small_disk / "node")
    layout = Layout(node.root, "env")
    world = World(Tools(node, timeout=30), layout, layout.scratch("job", 1), tmp_path)
    world.deploy("r1", {"index.html": b"x"})
    Path(layout.part("g1", "uploads"), "big").write_bytes(os.urandom(600_000))
    with pytest.raises(Refusal, match="DISK_FULL"):
        backups.create(world.tools, layout, "r1", "full", world.scratch, tmp_path / "backup.tar.gz")
    with pytest.raises(Refusal, match="DISK_FULL"):
        content.copy_parts(world.tools, layout, "g1", layout, "g2")
    assert releases.current(world.tools, layout) == "r1"
