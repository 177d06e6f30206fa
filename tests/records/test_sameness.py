"""When two requests are the same, and whose they are."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from starlette.datastructures import UploadFile

from writ.gateway.call import Actor, Spooled
from writ.records.sameness import claim_of, fingerprint_of, hash_of, owner_of

pytestmark = pytest.mark.requirement("S1-34")
SECRET = b"s" * 32


def fingerprint(body: Any = b"{}", *, secret: bytes = SECRET, **differences: Any) -> str:
    asked = {"method": "POST", "path": "/api/sites", "query": b"a=1", "media": "application/json"}
    asked |= differences
    call: Any = SimpleNamespace(
        method=asked["method"],
        trace=SimpleNamespace(path=asked["path"]),
        raw_query=asked["query"],
        media=asked["media"] and SimpleNamespace(media_type=asked["media"]),
        raw_body=body,
    )
    return fingerprint_of(call, secret)


def form(**parts: Any) -> dict[str, list[Any]]:
    return {
        name: [UploadFile(io.BytesIO(value), filename=f"{name}.txt") if isinstance(value, bytes) else value]
        for name, value in parts.items()
    }


def test_every_part_of_a_request_counts() -> None:
    different = [
        fingerprint(),
        fingerprint(b""),
        fingerprint(b"{ }"),
        fingerprint(None, media=None),
        fingerprint(method="PUT"),
        fingerprint(path="/api/sites/\udc80"),
        fingerprint(query=b"a=2"),
        fingerprint(query=b""),
        fingerprint(media="application/xml"),
        fingerprint(secret=b"t" * 32),
        # Nothing can be shifted from one part to the next.
        fingerprint(path="/api/sites', b'a=1"),
        fingerprint(Spooled(Path("a"), 2, "ab", "application/zip")),
        fingerprint(Spooled(Path("a"), 2, "ac", "application/zip")),
        fingerprint(form(title="One")),
        fingerprint(form(title="Two")),
        fingerprint(form(title=b"One")),
        fingerprint(form(title=b"Two")),
        fingerprint(form(other=b"One")),
    ]
    assert len(set(different)) == len(different)
    assert fingerprint() == fingerprint()


def test_an_upload_is_its_bytes_and_a_form_its_parts() -> None:
    uploads = [Spooled(Path(name), 2, "ab", "application/zip") for name in ("a", "b")]
    assert fingerprint(uploads[0]) == fingerprint(uploads[1])
    sent = form(title="One", file=b"content")
    assert fingerprint(sent) == fingerprint(form(title="One", file=b"content"))
    assert sent["file"][0].file.read() == b"content", "the handler finds the file at its beginning"


def test_an_answer_belongs_to_the_credential_or_the_user() -> None:
    user, one, two = (UUID(int=n) for n in range(1, 4))

    def owner(kind: str = "session", **values: Any) -> str:
        return owner_of(Actor(user, kind, "ada@example.com", "admin", frozenset(), **values))

    assert owner(session_id=one) == owner(session_id=two) == f"user:{user}"
    assert owner(key_id=one) == f"key:{one}"
    assert owner("token", application_id=one) == f"application:{one}:{user}"
    assert owner("application", application_id=one) == f"application:{one}", "not for who registered it"
    # The longest of them fits its column.
    assert len(owner("token", application_id=one)) <= 120


def test_organizations_owners_and_keys_do_not_run_into_each_other() -> None:
    different = {
        hash_of("a", "b", "c"),
        hash_of("a", "bc", ""),
        hash_of("ab", "", "c"),
        hash_of("a", "", "bc"),
    }
    assert len(different) == 4
    assert all(0 <= claim_of(name) < 1 << 62 for name in (*different, "f" * 64))
