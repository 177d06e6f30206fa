"""The temporary home of a tour that starts its own Writ."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click

REPOSITORIES = "WRIT_TOUR_REPOSITORIES"
"""The variable by which the tour learns in which trusted folder it may put its git repository."""


@dataclass(slots=True)
class TourFolder:
    """Where the tour's Writ keeps its state, and the environment that it needs. `passed` is set by the
    tour.
    """

    home: Path
    environment: dict[str, str] = field(default_factory=dict)
    passed: bool = False


@contextmanager
def tour_folder(home: Path | None, *, trusted: str) -> Iterator[TourFolder]:
    """A folder for the tour's repository, and a home beside it unless one is given; both end with the tour.

    `trusted`: what WRIT_TRUSTED_PATHS holds already. When the tour failed, its home stays, for a look at
    the logs.
    """
    base = Path(tempfile.mkdtemp(prefix="writ-tour-"))
    repositories = base / "repositories"
    repositories.mkdir()
    folder = TourFolder(
        home=home.absolute() if home else base / "home",
        environment={
            "WRIT_TRUSTED_PATHS": ",".join(part for part in (trusted, str(repositories)) if part),
            REPOSITORIES: str(repositories),
        },
    )
    try:
        yield folder
    finally:
        if folder.passed or home is not None or not os.path.exists(base / "home"):
            shutil.rmtree(base, ignore_errors=True)
        else:
            click.echo(f"The tour failed; its home is kept: {folder.home}", err=True)
