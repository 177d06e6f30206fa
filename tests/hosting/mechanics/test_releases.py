from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest

from tests.hosting.mechanics.world import SITE, World
from writ.contract.errors import Refusal
from writ.hosting.node import content, drift, releases
from writ.hosting.node.manifest import Manifest


def test_a_release_is_unpacked_described_and_served(world: World) -> None:
    manifest = world.deploy("r1")
    assert releases.current(world.tools, world.layout) == "r1"
    assert (world.live / "css" / "site.css").read_bytes() == b"body {}\n"
    assert {p: e.size for p, e in manifest.files.items()} == {p: len(d) for p, d in SITE.items()}
    assert Manifest.from_json(manifest.as_json()) == manifest
    releases.check_after(world.tools, world.layout, "r1", manifest)


def test_content_is_shared_by_releases_and_never_overwritten(world: World, lines: list[str]) -> None:
    world.deploy("r1", {"index.html": b"1", "wp-content/uploads/logo.png": b"first"})
    upload = world.live / "wp-content" / "uploads" / "logo.png"
    assert upload.read_bytes() == b"first"
    upload.write_bytes(b"by an editor")
    world.deploy(
        "r2", {"index.html": b"2", "wp-content/uploads/logo.png": b"second", "wp-content/themes/a.css": b""}
    )
    assert (world.live / "index.html").read_bytes() == b"2"
    assert upload.read_bytes() == b"by an editor"
    assert [line for line in lines if "first content" in line]
    assert [line for line in lines if "not used" in line]


def test_the_swap_takes_code_and_content_together_without_a_gap(world: World) -> None:
    """A reader in a loop sees one whole release or the other, through thirty swaps."""
    for release in ("r1", "r2"):
        name = release.encode()
        world.deploy(release, {"code": name, "wp-content/uploads/content": name}, generation=f"g{release}")
    done, mixed, read = threading.Event(), [], 0

    def reader() -> None:
        nonlocal read
        while not done.is_set():
            tree = os.open(world.live, os.O_RDONLY)
            try:
                pair = []
                for path in ("code", "wp-content/uploads/content"):
                    file = os.open(path, os.O_RDONLY, dir_fd=tree)
                    pair.append(os.read(file, 10))
                    os.close(file)
            finally:
                os.close(tree)
            read += 1
            if pair[0] != pair[1]:
                mixed.append(pair)

    thread = threading.Thread(target=reader)
    thread.start()
    for turn in range(30):
        releases.activate(world.tools, world.layout, f"r{turn % 2 + 1}")
    done.set()
    thread.join()
    assert mixed == []
    assert read > 100


@pytest.mark.parametrize(
    "spoil",
    [
        lambda tree: [p.unlink() for p in tree.rglob("*") if p.is_file()],
        lambda tree: (tree / "a").symlink_to("/etc/passwd"),
        lambda tree: (tree / "a").symlink_to("../../.."),
        lambda tree: (tree / "a").symlink_to("wp-content/uploads/.."),
        lambda tree: os.mkfifo(tree / "a"),
        lambda tree: (tree / "wp-content" / "uploads").unlink(),
    ],
    ids=["empty", "absolute link", "link out", "link out through content", "pipe", "content not linked"],
)
def test_a_bad_release_is_refused_before_the_swap(spoil: object, world: World) -> None:
    world.deploy("r1")
    world.stage("r2", SITE)
    spoil(Path(world.layout.release("r2")))  # type: ignore[operator]
    manifest = releases.describe(world.tools, world.layout, "r2")
    with pytest.raises(Refusal) as refused:
        releases.check_release(world.tools, world.layout, "r2", manifest)
    assert refused.value.code == "RELEASE_INVALID"
    assert releases.current(world.tools, world.layout) == "r1"


def test_links_inside_a_release_and_into_its_content_are_fine(world: World) -> None:
    world.stage("r1", SITE)
    tree = Path(world.layout.release("r1"))
    (tree / "home.html").symlink_to("css/../index.html")
    (tree / "media").symlink_to("wp-content/uploads/2026")
    releases.check_release(
        world.tools, world.layout, "r1", releases.describe(world.tools, world.layout, "r1")
    )


@pytest.mark.parametrize("kind", ["link", "file"])
def test_wp_content_must_be_a_folder(kind: str, world: World) -> None:
    world.deploy("r1")
    world.stage("r2", SITE)
    place = Path(world.layout.release("r2")) / "wp-content"
    shutil.rmtree(place)
    place.symlink_to("../r1") if kind == "link" else place.write_text("")
    with pytest.raises(Refusal, match="RELEASE_INVALID"):
        releases.link_shared(world.tools, world.layout, "r2", "g1")
    assert (world.live / "wp-content" / "uploads").is_dir()


def test_php_that_does_not_parse(world: World, lines: list[str]) -> None:
    manifest = world.stage("r1", {"good.php": b"<?php echo 1;", "bad.php": b"<?php echo (;"})
    if not world.tools.node.which("php"):
        releases.check_release(world.tools, world.layout, "r1", manifest)
        assert lines[-1] == "2 PHP files were not checked: the node has no php."
        return
    with pytest.raises(Refusal, match=r"bad\.php"):
        releases.check_release(world.tools, world.layout, "r1", manifest)
    # What the release before had already is not asked again.
    releases.check_release(world.tools, world.layout, "r1", manifest, previous=manifest)


def test_the_check_after_sees_another_release_a_changed_file_and_an_ill_site(world: World) -> None:
    manifest = world.deploy("r1")

    def ill() -> None:
        raise ValueError("500")

    with pytest.raises(Refusal, match="HEALTH_CHECK_FAILED"):
        releases.check_after(world.tools, world.layout, "r1", manifest, health=ill)
    (world.live / "index.html").write_bytes(b"other")
    with pytest.raises(Refusal, match=r"index\.html"):
        releases.check_after(world.tools, world.layout, "r1", manifest)
    world.deploy("r2")
    with pytest.raises(Refusal, match="HEALTH_CHECK_FAILED"):
        releases.check_after(world.tools, world.layout, "r1", manifest)


def test_rollback_marks_what_it_left(world: World) -> None:
    world.deploy("r1")
    world.deploy("r2")
    releases.rollback(world.tools, world.layout, "r1", bad="r2", reason="500")
    assert releases.current(world.tools, world.layout) == "r1"
    events = releases.history(world.tools, world.layout)
    assert [(e.release, e.event) for e in events] == [
        ("r1", "activated"), ("r2", "activated"), ("r1", "activated"), ("r2", "bad"),
    ]  # fmt: skip
    assert releases.bad_releases(events) == {"r2": "500"}
    world.tools.append(world.layout.history, b'{"at": "cut sho')
    assert releases.history(world.tools, world.layout) == events


def test_a_release_that_is_gone_is_not_activated(world: World) -> None:
    world.deploy("r1")
    with pytest.raises(Refusal, match="RELEASE_INVALID"):
        releases.activate(world.tools, world.layout, "r9")
    assert releases.current(world.tools, world.layout) == "r1"


def test_the_live_release_is_neither_discarded_nor_replaced(world: World) -> None:
    world.deploy("r1")
    with pytest.raises(Refusal):
        releases.discard(world.tools, world.layout, "r1")
    with pytest.raises(Refusal):
        world.stage("r1", SITE)
    with pytest.raises(Refusal):
        releases.copy_code(world.tools, world.layout.release("r1"), world.layout, "r1")
    assert (world.live / "index.html").exists()


def test_prune_keeps_the_live_one_and_the_newest_good_ones(world: World) -> None:
    for number in range(1, 6):
        world.deploy(f"r{number}", generation=f"g{number}")
    releases.mark_bad(world.tools, world.layout, "r5")
    releases.activate(world.tools, world.layout, "r1")
    world.stage("leftover", SITE, generation="g6")
    assert releases.prune(world.tools, world.layout, keep=2) == ["leftover", "r2", "r3", "r5"]
    assert content.prune(world.tools, world.layout) == ["g2", "g3", "g5", "g6"]
    assert (world.live / "index.html").exists()
    assert world.tools.list(world.layout.releases) == ["r1", "r4"]
    assert releases.prune(world.tools, world.layout, keep=0) == ["r4"]


def test_generations_in_use_are_not_discarded(world: World) -> None:
    world.deploy("r1")
    assert content.generation_of(world.tools, world.layout, "r1") == "g1"
    with pytest.raises(Refusal):
        content.discard(world.tools, world.layout, "g1")
    content.create_empty(world.tools, world.layout, "g2")
    content.discard(world.tools, world.layout, "g2")
    assert world.tools.list(world.layout.shared) == ["g1"]


def test_a_copy_of_the_code_gets_content_of_its_own(world: World) -> None:
    manifest = world.deploy("r1", {"index.html": b"1", "wp-content/uploads/a": b"a"})
    releases.copy_code(world.tools, world.layout.release("r1"), world.layout, "r2")
    content.create_empty(world.tools, world.layout, "g2")
    releases.link_shared(world.tools, world.layout, "r2", "g2")
    assert releases.describe(world.tools, world.layout, "r2") == manifest
    assert list((Path(world.layout.release("r2")) / "wp-content" / "uploads").iterdir()) == []
    assert (Path(world.layout.release("r2")) / "index.html").samefile(world.live / "index.html")
    releases.copy_code(world.tools, world.layout.release("r1"), world.layout, "r3", in_place=True)
    assert not (Path(world.layout.release("r3")) / "index.html").samefile(world.live / "index.html")
    assert (world.live / "wp-content" / "uploads" / "a").exists()


def test_drift(world: World) -> None:
    manifest = world.deploy("r1", {f"f{i}": b"x" for i in range(5)})
    assert drift.check_drift(world.tools, world.layout, "r1", manifest).clean
    (world.live / "f1").write_bytes(b"y")
    (world.live / "f2").unlink()
    (world.live / "f3").unlink()
    (world.live / "f3").symlink_to("f1")
    (world.live / "new\nfile").write_bytes(b"")
    Path(os.fsdecode(os.fsencode(world.live) + b"/\xff")).write_bytes(b"")
    (world.live / "wp-content" / "uploads" / "visitor.png").write_bytes(b"no drift")
    found = drift.check_drift(world.tools, world.layout, "r1", manifest)
    assert found.added == ["\\xff", "new\nfile"]
    assert (found.changed, found.deleted) == (["f1", "f3"], ["f2"])
    short = drift.compare(manifest, Manifest(), listed=2)
    assert (short.deleted, short.counts["deleted"]) == (["f0", "f1"], 5)
    with pytest.raises(Refusal, match="RELEASE_INVALID"):
        drift.check_drift(world.tools, world.layout, "r9", manifest)
