"""Real nodes: Debian, root, real sshd and nginx, all on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.product import Product, running_product


@pytest.fixture(scope="session", autouse=True)
def _root() -> None:
    # Not a skip: whoever asks for the system tests has to be told that they did not run.
    assert os.geteuid() == 0, "the system tests need root"
    for tool in ("nginx", "sshd"):
        assert shutil.which(tool), f"{tool} is not installed; ./scripts/test system installs it"


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("system")


@pytest.fixture(scope="session")
def product(home: Path) -> Iterator[Product]:
    trusted = {"WRIT_TRUSTED_NETWORKS": "127.0.0.0/8", "WRIT_TRUSTED_PATHS": str(home / "git")}
    with running_product(home, **trusted) as product:
        yield product


@pytest.fixture(scope="session")
def repository(home: Path) -> Path:
    """A repository with two tagged versions of a site."""
    folder = home / "git" / "site"
    folder.mkdir(parents=True)

    def git(*argv: str) -> None:
        identity = ("-c", "user.name=example", "-c", "user.email=git@example.com")
        subprocess.run(["git", *identity, *argv], cwd=folder, check=True, capture_output=True)

    git("init", "--quiet", "--initial-branch=main")
    for version in ("v1", "v2"):
        (folder / "index.html").write_text(f"<h1>{version}</h1>")
        (folder / "secret.php").write_text("<?php $password = 'hidden';")
        git("add", "--all")
        git("commit", "--quiet", "--message", version)
        git("tag", version)
    return folder
