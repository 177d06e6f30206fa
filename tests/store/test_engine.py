"""What a database's file is like."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from sqlalchemy import text

from writ.store.files import FileStore
from writ.store.work import Store


def test_only_the_owner_reads_the_database(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'writ.db'}", pool_size=1)
    assert list(tmp_path.iterdir()) == []  # nothing connects before it is asked to
    with store.begin() as session:
        session.execute(text("CREATE TABLE notes (note TEXT)"))
        files = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    store.close()
    assert files.pop("writ.db") == 0o600
    assert set(files.values()) <= {0o600}


def test_only_the_owner_reads_uploads_and_backups(tmp_path: Path) -> None:
    files = FileStore(tmp_path / "files")
    files.path("backups", uuid4())
    assert (tmp_path / "files").stat().st_mode & 0o777 == 0o700
