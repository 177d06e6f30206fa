"""The parts of the tour: it must not take a wrong state for a right one."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from writ.tour.api import Api, TourFailure
from writ.tour.folder import REPOSITORIES, tour_folder
from writ.tour.show import Show
from writ.tour.sources import Repository, archive, pages
from writ.tour.tour import Tour

JOB = {
    "kind": "environment.deploy",
    "status": "succeeded",
    "error_code": None,
    "error_message": None,
    "progress": 100,
    "steps": [{"name": "fetch", "status": "succeeded"}],
    "started_at": "2026-01-01T00:00:00Z",
    "finished_at": "2026-01-01T00:00:01.500Z",
}


def api(answer: Any) -> Api:
    return Api("http://127.0.0.1:8080", httpx.MockTransport(answer))


def test_the_repository_is_real_and_each_version_has_its_tag(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "site")
    first, second = repository.commit("v1"), repository.commit("v2")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--branch", "v1", repository.url, str(clone)], check=True)
    assert (clone / "index.html").read_text() == pages("v1")["index.html"]
    assert first != second


def test_the_archive_holds_the_version() -> None:
    with zipfile.ZipFile(io.BytesIO(archive("v7"))) as packed:
        assert packed.read("index.html").decode() == pages("v7")["index.html"]


def test_every_state_of_a_job_is_seen() -> None:
    states = [{**JOB, "status": "queued", "progress": 0}, {**JOB, "status": "running", "progress": 50}, JOB]
    pending = iter(states)
    seen: list[int] = []
    job = api(lambda request: httpx.Response(200, json=next(pending))).follow(
        "1", lambda it: seen.append(it["progress"])
    )
    assert seen == [0, 50, 100]
    assert job["status"] == "succeeded"


def test_a_job_that_ends_otherwise_fails_the_tour() -> None:
    failed = {**JOB, "status": "failed", "error_code": "disk_full", "error_message": "Free some space."}
    tour = Tour(api(lambda request: httpx.Response(200, json=failed)), Show(), None)
    with pytest.raises(TourFailure, match="must end succeeded, but failed: disk_full: Free some space"):
        tour.watch("deploy", "1", "succeeded")
    succeeded = Tour(api(lambda request: httpx.Response(200, json=JOB)), Show(), None)
    with pytest.raises(TourFailure, match="must end failed, but succeeded"):
        succeeded.watch("bad deploy", "1", "failed")


def test_another_version_than_expected_fails_the_tour() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/api/"):
            return httpx.Response(200, json={"url": "http://live.shop.localhost:9000/"})
        assert request.headers["host"] == "live.shop.localhost:9000"
        assert request.url.host == "127.0.0.1"
        assert "cookie" not in request.headers
        return httpx.Response(
            200, text=pages("v2")["about/index.html" if "about" in request.url.path else "index.html"]
        )

    tour = Tour(api(answer), Show(), None)
    tour.serves("e", "v2")
    with pytest.raises(TourFailure, match="must show 'This is v1<'"):
        tour.serves("e", "v1")


def test_an_upload_with_another_checksum_fails_the_tour() -> None:
    answer = httpx.Response(201, json={"upload_id": "1", "sha256": "0" * 64, "size": 1})
    with pytest.raises(TourFailure, match="sha256"):
        api(lambda request: answer).upload(b"x")


def test_no_answer_is_a_failure_of_the_tour() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(TourFailure, match="got no answer"):
        api(refuse).login("admin@example.com", "x")


def test_the_folder_goes_with_a_passed_tour_and_stays_with_a_failed_one(tmp_path: Path) -> None:
    with tour_folder(None, trusted="/srv/git") as passed:
        passed.home.mkdir()
        passed.passed = True
        own = passed.environment[REPOSITORIES]
        assert passed.environment["WRIT_TRUSTED_PATHS"] == f"/srv/git,{own}"
        assert Path(own).is_dir()
    assert not passed.home.exists()
    assert not Path(own).exists()
    with tour_folder(None, trusted="") as failed:
        failed.home.mkdir()
    assert failed.home.is_dir()
    shutil.rmtree(failed.home.parent)
    with tour_folder(tmp_path, trusted="") as given:
        pass
    assert given.home == tmp_path
    assert tmp_path.is_dir()


def test_a_narrow_terminal_cuts_no_word_of_the_table() -> None:
    show = Show(Console(width=80, file=io.StringIO()))
    job = {
        "kind": "environment.drift_check",
        "status": "failed",
        "error_code": "source_ref_not_found",
        "steps": [],
        "started_at": None,
        "finished_at": None,
    }
    show.jobs.append(("deploy a tag that nobody has ever heard of", job, True))
    show.jobs.append(("back up staging, cancelled", job, True))
    show.console.print(show.table())
    file = show.console.file
    assert isinstance(file, io.StringIO)
    assert "…" not in file.getvalue()
