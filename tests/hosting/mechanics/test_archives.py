from __future__ import annotations

import gzip
import io
import os
import random
import stat
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hosting.mechanics.world import SITE, write_tar
from writ.contract.errors import Refusal
from writ.hosting.sources.archives import Inspected, Limits, sanitise
from writ.processes import Stopped

Build = Callable[[tarfile.TarFile], None]


def tar_of(path: Path, build: Build, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as tar:
        build(tar)
    return path


def entry(
    tar: tarfile.TarFile, name: str, kind: bytes = tarfile.REGTYPE, target: str = "", data: bytes = b"x"
) -> None:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    info.size = len(data) if kind == tarfile.REGTYPE else 0
    tar.addfile(info, io.BytesIO(data) if info.size else None)


def refuse(archive: Path, limits: Limits | None = None) -> str:
    """Return the code of the refusal, having seen that nothing is left behind but the archive."""
    folder = archive.parent
    before = set(folder.rglob("*"))
    with pytest.raises(Refusal) as refused:
        sanitise(archive, folder / "clean.tar", limits)
    assert set(folder.rglob("*")) == before
    assert len(refused.value.message) > 20
    return refused.value.code


def content(tar: Path) -> dict[str, bytes]:
    with tarfile.open(tar) as opened:
        return {m.name: opened.extractfile(m).read() for m in opened if m.isfile()}  # type: ignore[union-attr]


LINK, HARD, FIFO, CHAR, BLOCK = (
    tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE,
)  # fmt: skip

UNSAFE: dict[str, Build] = {
    "parent": lambda t: entry(t, "../evil"),
    "parent inside": lambda t: entry(t, "a/../../evil"),
    "absolute": lambda t: entry(t, "/etc/cron.d/evil"),
    "drive letter": lambda t: entry(t, "C:/evil"),
    "backslash": lambda t: entry(t, "..\\evil"),
    "newline": lambda t: entry(t, "a\nb"),
    "absolute link": lambda t: entry(t, "a", LINK, "/etc/passwd"),
    "link out": lambda t: entry(t, "a/b", LINK, "../../etc"),
    "link through link out": lambda t: (entry(t, "d", LINK, "."), entry(t, "a", LINK, "d/.."))[0],
    "link in a circle": lambda t: (entry(t, "a", LINK, "b"), entry(t, "b", LINK, "a"))[0],
    "file through link": lambda t: (entry(t, "a", LINK, "b"), entry(t, "a/evil"))[0],
    "file over link": lambda t: (entry(t, "a", LINK, "b"), entry(t, "a"))[0],
    "file over link in other case": lambda t: (entry(t, "a", LINK, "b"), entry(t, "A/evil"))[0],
    "link over file in other case": lambda t: (entry(t, "A"), entry(t, "a", LINK, "b"))[0],
    "link over folder": lambda t: (entry(t, "a/b"), entry(t, "a", LINK, "c"))[0],
    "twice": lambda t: (entry(t, "a"), entry(t, "a"))[0],
    "hard link out": lambda t: entry(t, "a", HARD, "/etc/passwd"),
    "hard link up": lambda t: entry(t, "a", HARD, "../../etc/passwd"),
    "hard link to nothing": lambda t: entry(t, "a", HARD, "later"),
    "hard link to itself": lambda t: entry(t, "a", HARD, "a"),
    "hard link to a link": lambda t: (entry(t, "a", LINK, "b"), entry(t, "c", HARD, "a"))[0],
    "pipe": lambda t: entry(t, "a", FIFO),
    "device": lambda t: entry(t, "a", CHAR),
    "block device": lambda t: entry(t, "a", BLOCK),
    "too deep": lambda t: entry(t, "d/" * 70 + "f"),
}


@pytest.mark.parametrize("name", UNSAFE)
def test_harmful_tar_is_refused(name: str, tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "a.tar.gz", lambda t: (entry(t, "index.html"), UNSAFE[name](t))[0])
    assert refuse(archive) == "ARCHIVE_UNSAFE"


@pytest.mark.parametrize("mode", ["w:gz", "w"])
def test_a_good_tar_comes_out_clean(mode: str, tmp_path: Path) -> None:
    def build(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo("./bin/run")
        info.size, info.mode, info.uid, info.uname = 3, 0o6777, 1234, "somebody"
        tar.addfile(info, io.BytesIO(b"run"))
        entry(tar, "index.html", data=b"hello")
        entry(tar, "latest", LINK, "bin/../index.html")
        entry(tar, "copy", HARD, "index.html")
        entry(tar, "README")
        entry(tar, "readme")
        entry(tar, "ü/" + "long" * 50 + ".txt")

    archive, clean = tar_of(tmp_path / "a", build, mode), tmp_path / "clean.tar"
    found = sanitise(archive, clean)
    assert isinstance(found, Inspected)
    assert (found.files, found.tar_size) == (7, clean.stat().st_size)
    with tarfile.open(clean) as tar:
        run = tar.getmember("bin/run")
        assert (run.mode, run.uid, run.uname) == (0o755, 0, "")
        assert tar.getmember("index.html").mode == 0o644
        assert tar.getmember("latest").linkname == "bin/../index.html"
    folder = tmp_path / "out"
    folder.mkdir()
    subprocess.run(["tar", "-xf", clean, "-C", folder], check=True)
    assert (folder / "latest").read_text() == (folder / "copy").read_text() == "hello"


def zip_of(path: Path, *entries: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, data in entries:
            archive.writestr(info, data)
    return path


def special(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


@pytest.mark.parametrize(
    "bad",
    [
        ("../evil", b"x"),
        ("/etc/evil", b"x"),
        ("a\\..\\evil", b"x"),
        ("C:evil", b"x"),
        (special("a", stat.S_IFLNK | 0o777), b"/etc/passwd"),
        (special("a", stat.S_IFLNK | 0o777), b"../x"),
        (special("a", stat.S_IFIFO), b""),
        (special("a", stat.S_IFCHR), b""),
        (special("a", stat.S_IFLNK), b"l" * 5000),
    ],
    ids=str,
)
def test_harmful_zip_is_refused(bad: tuple[zipfile.ZipInfo | str, bytes], tmp_path: Path) -> None:
    assert refuse(zip_of(tmp_path / "a.zip", ("index.html", b"x"), bad)) == "ARCHIVE_UNSAFE"


def test_a_nul_in_a_zip_name_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", ("index.htmlXevil", b"x"))
    path.write_bytes(path.read_bytes().replace(b"htmlX", b"html\0"))
    assert refuse(path) == "ARCHIVE_UNSAFE"


def test_a_good_zip_becomes_the_same_tree(tmp_path: Path) -> None:
    script = special("run.sh", stat.S_IFREG | 0o755)
    link = special("latest", stat.S_IFLNK | 0o777)
    path = zip_of(tmp_path / "a.zip", *SITE.items(), (script, b"#!"), (link, b"index.html"))
    found = sanitise(path, tmp_path / "clean.tar")
    assert found.files == 4
    assert content(tmp_path / "clean.tar") == {**SITE, "run.sh": b"#!"}
    with tarfile.open(tmp_path / "clean.tar") as tar:
        assert tar.getmember("run.sh").mode == 0o755
        assert tar.getmember("latest").linkname == "index.html"


def test_an_encrypted_zip_is_invalid(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", ("index.html", b"x"))
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert refuse(path) == "ARCHIVE_INVALID"


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar"])
def test_a_damaged_archive_is_never_taken_for_whole(kind: str, tmp_path: Path) -> None:
    """Cut anywhere, or with a byte turned: refused, or what comes out is what went in."""
    files = {f"file{i}.txt": os.urandom(700) for i in range(20)}
    path = tmp_path / "a"
    if kind == "zip":
        zip_of(path, *files.items())
    else:
        write_tar(path, files, "w:gz" if kind == "tar.gz" else "w")
    whole, chance = path.read_bytes(), random.Random(7)
    refused, codes = 0, set()
    for turn in range(120):
        data = bytearray(whole)
        if turn % 2:
            del data[chance.randrange(len(data)) :]
        else:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        try:
            sanitise(path, tmp_path / "clean.tar")
        except Refusal as refusal:
            codes.add(refusal.code)
            assert not (tmp_path / "clean.tar").exists()
            refused += 1
        else:
            # A tar has no sum of its content, so only its number of entries can be asked for.
            found = content(tmp_path / "clean.tar")
            assert len(found) == 20
            assert kind == "tar" or sorted(found.values()) == sorted(files.values())
    assert refused >= 50
    assert codes <= {"ARCHIVE_INVALID", "ARCHIVE_UNSAFE", "ARCHIVE_TOO_LARGE"}


@pytest.mark.parametrize("data", [b"", b"hello", b"\x1f\x8b", b"PK\x03\x04rest", b"BZh91AY", bytes(2048)])
def test_what_is_no_archive_is_invalid(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(data)
    assert refuse(tmp_path / "a") == "ARCHIVE_INVALID"


def test_an_empty_archive_is_invalid(tmp_path: Path) -> None:
    assert refuse(zip_of(tmp_path / "a.zip")) == "ARCHIVE_INVALID"
    assert (
        refuse(tar_of(tmp_path / "a.tar.gz", lambda t: entry(t, "only-a-folder", tarfile.DIRTYPE)))
        == "ARCHIVE_INVALID"
    )


def test_too_many_files(tmp_path: Path) -> None:
    limits = Limits(max_files=10)
    files = {f"f{i}": b"" for i in range(11)}
    assert refuse(write_tar(tmp_path / "a.tar.gz", files), limits) == "ARCHIVE_TOO_LARGE"
    assert refuse(zip_of(tmp_path / "a.zip", *files.items()), limits) == "ARCHIVE_TOO_LARGE"


def test_too_many_bytes(tmp_path: Path) -> None:
    limits = Limits(max_bytes=1000)
    files = {"a": bytes(600), "b": bytes(600)}
    assert refuse(write_tar(tmp_path / "a.tar.gz", files), limits) == "ARCHIVE_TOO_LARGE"
    assert refuse(zip_of(tmp_path / "a.zip", *files.items()), limits) == "ARCHIVE_TOO_LARGE"


def test_a_bomb_is_refused_whatever_its_headers_say(tmp_path: Path) -> None:
    zeros = bytes(40 * 1024 * 1024)
    assert refuse(write_tar(tmp_path / "a.tar.gz", {"zeros": zeros})) == "ARCHIVE_UNSAFE"
    bomb = zip_of(tmp_path / "a.zip", ("zeros", zeros))
    assert refuse(bomb) == "ARCHIVE_UNSAFE"
    # The same with a size of 10 bytes in the central directory and in the local header.
    size = len(zeros).to_bytes(4, "little")
    bomb.write_bytes(bomb.read_bytes().replace(size, (10).to_bytes(4, "little")))
    assert refuse(bomb) == "ARCHIVE_INVALID"


def test_a_bomb_beyond_the_limit_is_called_one_and_not_only_large(tmp_path: Path) -> None:
    limits = Limits(max_bytes=10 * 1024 * 1024)
    files = {"zeros": bytes(40 * 1024 * 1024)}
    assert refuse(write_tar(tmp_path / "a.tar.gz", files), limits) == "ARCHIVE_UNSAFE"
    assert refuse(zip_of(tmp_path / "a.zip", *files.items()), limits) == "ARCHIVE_UNSAFE"


def test_a_bomb_after_the_end_of_the_tar_is_refused(tmp_path: Path) -> None:
    inner = write_tar(tmp_path / "a.tar", SITE, "w").read_bytes()
    (tmp_path / "a.tar").unlink()
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(inner + bytes(60 * 1024 * 1024)))
    assert refuse(tmp_path / "a.tar.gz") == "ARCHIVE_UNSAFE"


def test_a_header_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 3 * 1024 * 1024
    raw = info.tobuf(tarfile.USTAR_FORMAT) + os.urandom(3 * 1024 * 1024)
    (tmp_path / "a.tar").write_bytes(raw)
    assert refuse(tmp_path / "a.tar") == "ARCHIVE_UNSAFE"


def test_stop_is_obeyed(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    archive = write_tar(tmp_path / "a.tar.gz", SITE)
    with pytest.raises(Stopped):
        sanitise(archive, tmp_path / "clean.tar", stop=stop)
    assert not (tmp_path / "clean.tar").exists()


def test_nothing_that_is_accepted_leads_out_when_it_is_unpacked(tmp_path: Path) -> None:
    """Random archives of tricky names and links: refused, or harmless in the hands of the real tar."""
    chance, accepted, refused = random.Random(11), 0, 0
    names = ["a", "b", "A", "a/b", "a/b/c", "b/a", "d/", "d/e", "./a", "a/../b", "..", "d/./e", "é", "d//f"]
    targets = ["a", "b", ".", "..", "a/..", "../a", "d/../..", "/etc", "d/e", "b/../a", "a/b/../../..", "d"]
    for number in range(400):
        folder = tmp_path / str(number)
        (folder / "tree").mkdir(parents=True)
        (folder / "canary").write_text("as it was")

        def build(tar: tarfile.TarFile) -> None:
            for _ in range(chance.randint(1, 5)):
                kind = chance.choice([tarfile.REGTYPE, tarfile.REGTYPE, tarfile.DIRTYPE, LINK, LINK, HARD])
                entry(tar, chance.choice(names), kind, chance.choice(targets))

        archive = tar_of(folder / "a.tar.gz", build)
        try:
            sanitise(archive, folder / "clean.tar")
        except Refusal:
            refused += 1
            continue
        accepted += 1
        subprocess.run(["tar", "-xf", folder / "clean.tar", "-C", folder / "tree"], check=True)
        tree = (folder / "tree").resolve()
        for path in tree.rglob("*"):
            assert path.resolve().is_relative_to(tree), path
        assert {p.name for p in folder.iterdir()} == {"tree", "canary", "a.tar.gz", "clean.tar"}
        assert (folder / "canary").read_text() == "as it was"
    assert accepted > 30
    assert refused > 30
