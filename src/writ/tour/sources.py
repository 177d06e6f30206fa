"""What the tour deploys: a small site with two versions, as a real git repository and as archives."""

from __future__ import annotations

import io
import os
import subprocess
import zipfile
from pathlib import Path


def pages(version: str) -> dict[str, str]:
    """The files of one version; each page names it, so that what is served tells which release it is."""
    return {
        "index.html": f"<!doctype html>\n<title>Tour</title>\n<h1>This is {version}</h1>\n",
        "about/index.html": f"<!doctype html>\n<title>About</title>\n<p>About {version}</p>\n",
        "style.css": f"/* {version} */\nbody {{ margin: 2rem; }}\n",
        "healthy.txt": "ok\n",
    }


def archive(version: str) -> bytes:
    """A zip archive of one version."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name, text in pages(version).items():
            target.writestr(name, text)
    return packed.getvalue()


class Repository:
    """A git repository in a folder; made by the real git, with nothing of this person's configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self._git("init", "--quiet", "--initial-branch=main")

    @property
    def url(self) -> str:
        """The repository's file URL."""
        return self.folder.as_uri()

    def commit(self, version: str) -> str:
        """Commits one version, tags it by its name, and returns the commit's id."""
        for name, text in pages(version).items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", f"The site, {version}")
        self._git("tag", version)
        return self._git("rev-parse", "HEAD")

    def _git(self, *arguments: str) -> str:
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "Tour",
            "GIT_AUTHOR_EMAIL": "tour@example.com",
            "GIT_COMMITTER_NAME": "Tour",
            "GIT_COMMITTER_EMAIL": "tour@example.com",
        }
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"git {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout.strip()
