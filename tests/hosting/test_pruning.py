"""What nobody ordered to be kept does not fill the disk: automatic backups, old uploads."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import update

from tests.support.product import Client, running_product
from writ.hosting.models import Upload
from writ.store.base import now
from writ.store.work import Store


def send(api: Client, text: str) -> str:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("index.html", text)
    answer = api.post("/uploads", content=archive.getvalue(), headers={"Content-Type": "application/zip"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["upload_id"])


def test_automatic_backups_and_old_uploads_go(tmp_path: Path) -> None:
    kept = {"WRIT_SAFETY_BACKUPS_KEPT": "1", "WRIT_UPLOAD_HOURS": "1"}
    with running_product(tmp_path, **kept) as product, product.client() as api:
        _, environment = api.make_environment("pruned")
        upload = send(api, "one")
        order = {"source_type": "upload", "source_ref": upload}
        api.carry_out(api.post(f"/environments/{environment}/deploy", json=order))
        made = api.carry_out(api.post(f"/environments/{environment}/backups", json={"backup_scope": "full"}))
        for _ in range(3):
            restore = {"backup_id": made["backup_id"]}
            last = api.carry_out(api.post(f"/environments/{environment}/restore", json=restore))
        backups = api.get(f"/environments/{environment}/backups").json()["data"]
        assert {b["id"] for b in backups} == {made["backup_id"], last["result"]["safety_backup_id"]}
        files = product.home / "files"
        assert {path.name for path in (files / "backups").iterdir()} == {b["id"] for b in backups}

        store = Store(product.database_url, pool_size=1)
        with store.begin() as session:
            old = now() - timedelta(hours=2)
            session.execute(update(Upload).where(Upload.id == UUID(upload)).values(created_at=old))
        store.close()
        newer = send(api, "two")
        assert {path.name for path in (files / "uploads").iterdir()} == {newer}
        refused = api.post(f"/environments/{environment}/deploy", json=order)
        assert (refused.status_code, refused.json()["code"]) == (422, "upload_unknown")
