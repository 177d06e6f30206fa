"""The product of these tests and short words for what they do with it."""

from __future__ import annotations

import io
import itertools
import os
import signal
import sqlite3
import subprocess
import tarfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from tests.outgoing.web import make_authority
from tests.support.product import ROOT, Client, Product

Files = Mapping[str, str | bytes]
_number = itertools.count(1)


def page(word: str) -> dict[str, str | bytes]:
    """A site whose front page says which one it is."""
    return {"index.html": f"<h1>{word}</h1>\n", "ok.txt": "ok\n"}


def make_zip(files: Files) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def make_tar(files: Files, *extra: tarfile.TarInfo) -> bytes:
    """A tar.gz of the files, and of members that are told as they are."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in files.items():
            raw = data.encode() if isinstance(data, str) else data
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
        for info in extra:
            archive.addfile(info)
    return packed.getvalue()


def member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def write_rows(path: Path, *rows: str) -> None:
    """Add rows to an SQLite database as a site would."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("create table if not exists posts (title text)")
        connection.executemany("insert into posts values (?)", [(row,) for row in rows])
    connection.close()


def read_rows(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    rows = [row[0] for row in connection.execute("select title from posts order by rowid")]
    connection.close()
    return rows


def database(folder: Path, *rows: str) -> bytes:
    """The bytes of an SQLite database with these rows."""
    path = folder / f"made-{next(_number)}.sqlite"
    write_rows(path, *rows)
    return path.read_bytes()


class Repository:
    """A git repository made by the real git, with nothing of this person's configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "uploadpack.allowAnySHA1InWant", "true")

    @property
    def url(self) -> str:
        return f"file://{self.folder}"

    def git(self, *arguments: str) -> str:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Test",
            "GIT_AUTHOR_EMAIL": "test@example.test",
            "GIT_COMMITTER_NAME": "Test",
            "GIT_COMMITTER_EMAIL": "test@example.test",
        }
        argv = ["git", "-C", str(self.folder), *arguments]
        return subprocess.run(
            argv, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, files: Files, tag: str | None = None) -> str:
        """Commit exactly these files and return the commit's id."""
        for old in self.folder.iterdir():
            if old.name != ".git" and old.is_file():
                old.unlink()
        for name, data in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.encode() if isinstance(data, str) else data)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=next")
        if tag is not None:
            self.git("tag", tag)
        return self.git("rev-parse", "HEAD")


class Running:
    """The product on one database, and a client that is logged in."""

    def __init__(self, folder: Path, database_url: str, redis_url: str) -> None:
        self.folder = folder
        self.repositories = folder / "repositories"
        self.repositories.mkdir()
        self.authority = make_authority(folder)
        places = (folder / "names", ROOT / "src", ROOT / "generated")
        settings = {
            "PYTHONPATH": os.pathsep.join(str(place) for place in places),
            "SSL_CERT_FILE": str(self.authority.ca),
            "WRIT_TRUSTED_NETWORKS": "127.0.0.1/32",
            "WRIT_TRUSTED_PATHS": str(self.repositories),
            "WRIT_RELEASES_KEPT": "2",
            "WRIT_ARCHIVE_MAX_FILES": "200",
            "WRIT_ARCHIVE_MAX_BYTES": str(300 << 20),
        }
        self.product = Product(folder / "home", database_url, redis_url, settings)

    def begin(self) -> None:
        self.product.home.mkdir()
        self.product.prepare()
        self.product.start()
        self.client = self.product.client()

    # -- making things

    def slug(self) -> str:
        return f"site-{next(_number)}"

    def repository(self) -> Repository:
        return Repository(self.repositories / f"repository-{next(_number)}")

    def site(self, **more: Any) -> str:
        """A new site that is active; its id."""
        slug = self.slug()
        job = self.client.carry_out(self.client.post("/sites", json={"name": slug, "slug": slug} | more))
        return str(job["site_id"])

    def environment(self, site: str, slug: str, kind: str = "staging", **more: Any) -> str:
        """A new environment that is active; its id."""
        body = {"name": slug, "slug": slug, "type": kind} | more
        job = self.client.carry_out(self.client.post(f"/sites/{site}/environments", json=body))
        return str(job["environment_id"])

    def production(self, repository_url: str | None = None) -> tuple[str, str]:
        """A new site with an empty production environment; their ids."""
        return self.client.make_environment(self.slug(), repository_url)

    def upload(self, archive: bytes, media_type: str = "application/gzip") -> str:
        answer = self.client.post("/uploads", content=archive, headers={"Content-Type": media_type})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["upload_id"])

    def order_deploy(self, environment: str, files: Files, **more: Any) -> httpx.Response:
        body = {"source_type": "upload", "source_ref": self.upload(make_tar(files))} | more
        return self.client.post(f"/environments/{environment}/deploy", json=body)

    def deploy(self, environment: str, files: Files, **more: Any) -> str:
        """Deploy files and return the id of the release."""
        job = self.client.carry_out(self.order_deploy(environment, files, **more))
        return str(job["result"]["release_id"])

    def order_git(self, environment: str, source_ref: str, **more: Any) -> httpx.Response:
        body = {"source_type": "git", "source_ref": source_ref} | more
        return self.client.post(f"/environments/{environment}/deploy", json=body)

    def backup(self, environment: str, scope: str = "full") -> str:
        order = self.client.post(f"/environments/{environment}/backups", json={"backup_scope": scope})
        return str(self.client.carry_out(order)["backup_id"])

    def restore(self, environment: str, backup: str) -> dict[str, Any]:
        order = self.client.post(f"/environments/{environment}/restore", json={"backup_id": backup})
        return self.client.carry_out(order)

    def add_domain(self, environment: str, hostname: str) -> str:
        order = self.client.post(f"/environments/{environment}/domains", json={"hostname": hostname})
        self.client.carry_out(order)
        listed = self.client.get(f"/environments/{environment}/domains").json()["data"]
        return str(next(it["id"] for it in listed if it["hostname"] == hostname))

    # -- looking

    def get(self, path: str) -> dict[str, Any]:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def rows(self, path: str, **query: Any) -> list[dict[str, Any]]:
        answer = self.client.get(path, params={"limit": 100} | query)
        assert answer.status_code == 200, answer.text
        data: list[dict[str, Any]] = answer.json()["data"]
        return data

    def shows(self, environment: str, word: str) -> None:
        """Visitors get exactly this page."""
        answer = self.client.served(environment)
        assert (answer.status_code, answer.text) == (200, f"<h1>{word}</h1>\n")

    def visit(self, hostname: str, path: str = "/") -> httpx.Response:
        url = f"http://127.0.0.1:{self.product.sites_port}{path}"
        return httpx.get(url, headers={"Host": hostname}, timeout=10)

    def home(self, environment: str) -> Path:
        """The environment's folder on the node."""
        return self.product.home / "nodes" / "local" / "environments" / environment

    def live(self, environment: str) -> Path:
        """The tree that is served."""
        return (self.home(environment) / "current").resolve()

    def leftovers(self, environment: str) -> list[Path]:
        """What jobs have left in scratch folders: nothing, when none is at work."""
        places = [self.product.home / "scratch", self.home(environment) / "scratch"]
        return [path for place in places if place.is_dir() for path in place.iterdir()]

    # -- the worker

    def _idle_workers(self) -> list[int]:
        """The workers, once none of them has a process for a job; the pool's first process is its sweeper."""
        members = sorted(_children(self.product.processes["worker"].pid))
        workers = members[1:]
        assert workers, "no worker is running"
        give_up = time.monotonic() + 30
        while any(_children(worker) for worker in workers):
            assert time.monotonic() < give_up, "a job does not end"
            time.sleep(0.01)
        return workers

    @contextmanager
    def worker_stopped(self) -> Iterator[None]:
        """No worker takes a job meanwhile. They are stopped between two jobs, where they hold nothing."""
        while True:
            workers = self._idle_workers()
            for worker in workers:
                os.kill(worker, signal.SIGSTOP)
            if not any(_children(worker) for worker in workers):
                break
            for worker in workers:
                os.kill(worker, signal.SIGCONT)
        try:
            yield
        finally:
            for worker in workers:
                os.kill(worker, signal.SIGCONT)


def _children(process: int) -> list[int]:
    found = []
    with suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def expect(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The answer is this refusal, in the one shape of errors (S2-25, S2-26)."""
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body.get("code")) == (status, code), answer.text
    assert body["message"]
    return body


def fails(client: Client, answer: httpx.Response, code: str, seconds: float = 60.0) -> dict[str, Any]:
    """The order is accepted, and its job fails with this code."""
    job = client.finish(answer, seconds)
    assert (job["status"], job["error_code"]) == ("failed", code), job
    assert job["error_message"]
    return job
