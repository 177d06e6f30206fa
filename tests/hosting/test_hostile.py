"""Archives that mean harm, or are none: the job says so, and nothing of them is on any disk afterwards."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hosting.running import Running, expect, fails, make_tar, make_zip, member, page

pytestmark = pytest.mark.usefixtures("on_sqlite")

SIGN = "WRIT-HOSTILE-CONTENT"
GOOD = {"index.html": "<h1>bad</h1>\n"}


def linked_zip(name: str, target: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.html", "x")
        info = zipfile.ZipInfo(name)
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, target)
    return packed.getvalue()


def through_a_link() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.addfile(member("d", tarfile.SYMTYPE, "/tmp"))
        info = tarfile.TarInfo("d/evil.txt")
        info.size = len(SIGN)
        archive.addfile(info, io.BytesIO(SIGN.encode()))
    return packed.getvalue()


def bomb() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=9) as archive:
        info = tarfile.TarInfo("zeros")
        info.size = 64 << 20
        with Path("/dev/zero").open("rb") as zeros:
            archive.addfile(info, zeros)
    return packed.getvalue()


def encrypted() -> bytes:
    data = bytearray(make_zip(GOOD))
    for header, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(header) + offset] |= 1
    return bytes(data)


CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    "parent": (lambda: make_tar({"../evil.txt": SIGN}), "archive_unsafe"),
    "deep parent": (lambda: make_zip({"a/../../evil.txt": SIGN}), "archive_unsafe"),
    "absolute": (lambda: make_tar({"/tmp/writ-evil.txt": SIGN}), "archive_unsafe"),
    "absolute in a zip": (lambda: make_zip({"/tmp/writ-evil.txt": SIGN}), "archive_unsafe"),
    "backslashes": (lambda: make_zip({"..\\evil.txt": SIGN}), "archive_unsafe"),
    "drive": (lambda: make_zip({"C:/evil.txt": SIGN}), "archive_unsafe"),
    "link out": (lambda: make_tar(GOOD, member("l", tarfile.SYMTYPE, "../../etc/passwd")), "archive_unsafe"),
    "absolute link": (lambda: make_tar(GOOD, member("l", tarfile.SYMTYPE, "/etc/passwd")), "archive_unsafe"),
    "link out of a zip": (lambda: linked_zip("l", "../../../etc/passwd"), "archive_unsafe"),
    "hard link out": (lambda: make_tar(GOOD, member("l", tarfile.LNKTYPE, "/etc/passwd")), "archive_unsafe"),
    "written through a link": (through_a_link, "archive_unsafe"),
    "device": (lambda: make_tar(GOOD, member("d", tarfile.CHRTYPE)), "archive_unsafe"),
    "pipe": (lambda: make_tar(GOOD, member("p", tarfile.FIFOTYPE)), "archive_unsafe"),
    "bomb": (bomb, "archive_unsafe"),
    "too many files": (lambda: make_zip({f"{i}.txt": "x" for i in range(300)}), "archive_too_large"),
    "broken zip": (lambda: make_zip(GOOD | {"a": os.urandom(4000)})[:2000], "archive_invalid"),
    "broken gzip": (lambda: make_tar(GOOD | {"a": os.urandom(4000)})[:2000], "archive_invalid"),
    "no archive": (lambda: b"<html>not an archive</html>" * 50, "archive_invalid"),
    "nothing": (lambda: make_zip({}), "archive_invalid"),
    "encrypted": (encrypted, "archive_invalid"),
}


@pytest.fixture(scope="module")
def target(running: Running) -> str:
    """An environment that serves something, and goes on doing so."""
    environment = running.production()[1]
    running.deploy(environment, page("old"))
    return environment


@pytest.mark.parametrize("name", CASES)
def test_hostile_uploads_fail_and_nothing_of_them_stays(running: Running, target: str, name: str) -> None:
    make, code = CASES[name]
    upload = running.upload(make())
    order = {"source_type": "upload", "source_ref": upload}
    job = fails(running.client, running.client.post(f"/environments/{target}/deploy", json=order), code)
    assert [it["status"] for it in job["steps"]][:2] == ["failed", "pending"]
    running.shows(target, "old")
    assert running.leftovers(target) == []
    assert len(list((running.home(target) / "releases").iterdir())) == 1
    assert not Path("/tmp/writ-evil.txt").exists()
    assert not list(running.product.home.rglob("evil.txt"))


def test_hostile_imports_fail_the_same(running: Running) -> None:
    """import_site reads archives with the same eyes; a site that has nothing yet still has nothing."""
    site = running.site()
    for archive, code in (
        (make_tar({"../evil.txt": SIGN}), "archive_unsafe"),
        (b"x" * 600, "archive_invalid"),
    ):
        order = {"archive_url": f"upload:{running.upload(archive)}"}
        job = fails(running.client, running.client.post(f"/sites/{site}/import", json=order), code)
        assert running.get(f"/environments/{job['environment_id']}")["status"] == "failed"
        assert running.leftovers(job["environment_id"]) == []
    good = {"archive_url": f"upload:{running.upload(make_zip(page('good')))}"}
    running.client.carry_out(running.client.post(f"/sites/{site}/import", json=good))
    running.shows(job["environment_id"], "good")


def test_uploads_that_no_operation_takes_are_refused(running: Running) -> None:
    client = running.client
    answer = client.post("/uploads", content=b"x", headers={"Content-Type": "text/plain"})
    expect(answer, 415, "unsupported_format")
    stranger = client.post(
        "/uploads",
        content=make_zip(GOOD),
        headers={"Content-Type": "application/zip", "Origin": "https://evil.example"},
    )
    expect(stranger, 403, "origin_not_allowed")
    spool = running.product.home / "files" / "spool"
    assert not spool.is_dir() or not list(spool.iterdir())
