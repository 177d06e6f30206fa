"""Bodies: JSON, forms, multipart, files. What cannot be read is a 400, what is wrong a 422 with its place."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.gateway.contract import ZIP, body, contract, operation
from tests.gateway.harness import COOKIE, Door, make, make_services
from writ.store.files import FileStore

SECRET = "hunter2-hunter2-hunter2"
FORM = "application/x-www-form-urlencoded"


def multipart(*parts: tuple[str, bytes]) -> bytes:
    """A multipart body of parts (what follows `form-data; `, content)."""
    lines = b"".join(
        b"--edge\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (head.encode(), content)
        for head, content in parts
    )
    return lines + b"--edge--\r\n"


MULTIPART = "multipart/form-data; boundary=edge"
TITLE = ('name="title"', b"A letter")
FILE = ('name="file"; filename="a.txt"', b"\x00\xff")


def places(answer: Any) -> list[str]:
    return sorted(e["field"] for e in answer.json["errors"])


# None


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 204),
        (b"{}", 204),
        (b" { }\r\n", 204),
        (b"null", 204),
        (b"[]", 400),
        (b'{"a":1}', 400),
        (b" " * 100 + b"{}", 400),
    ],
)
def test_where_no_body_is_taken_one_that_says_nothing_passes(
    door: Door, raw: bytes, chunked: bool, status: int
) -> None:
    sent = [raw[i : i + 3] for i in range(0, len(raw), 3)] or [b""] if chunked else raw
    assert door("DELETE", f"/api/items/{UUID(int=7)}", body=sent, type="application/json").status == status


# JSON


def test_json_is_handed_to_the_handler_as_it_is(door: Door) -> None:
    item = {"name": "a b", "count": 9, "ratio": 1.5, "kind": None, "note": None, "child": {"name": "c"}}
    got = door("POST", "/api/items", json=item)
    assert (got.status, got.json["body"]) == (201, item)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"{", "line 1, column 2"),
        (b'{"name":\n"a",}', "line 2, column"),
        (b"", "a body is required"),
        (b'{"name": NaN}', "line 1, column 10"),
        (b'{"name": Infinity}', "line 1, column 10"),
        (b'{"ratio": 1e999}', "infinity"),
        (b"{'name': 1}", "line 1, column 2"),
        (b'{"name": "a"} x', "column 15"),
        (b'{"name": "\xff"}', "byte 10"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8: byte 0"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"name": "\\ud800"}', "surrogate"),
        (b'{"name": "a", "name": "b"}', "'name' twice"),
        (b'{"name": "a", "child": {"note": "a", "n\\u006fte": "b"}}', "'note' twice"),
        (b'{"child":' * 200 + b"1" + b"}" * 200, "nested"),
        (b"[" * 60000, "not JSON"),
    ],
)
def test_what_is_not_json_is_told_with_its_place(door: Door, raw: bytes, message: str) -> None:
    got = door("POST", "/api/items", body=raw, type="application/json")
    assert got.status == (400 if raw else 422), got.body
    assert message in got.json["message"]


def test_every_violation_is_listed_with_its_place(door: Door) -> None:
    item = {
        "name": "A name that is too long",
        "count": 10,
        "big": 2**31,
        "ratio": 0.3,
        "flag": "true",
        "kind": "blue",
        "note": 5,
        "tags": [],
        "when": "yesterday",
        "child": {"count": -1, "extra": 1, "child": {"name": 1}},
        "size": 10,
        "more/~": 1,
    }
    got = door("POST", "/api/items", json=item)
    assert (got.status, got.json["code"]) == (422, "VALIDATION_ERROR")
    assert set(places(got)) == {
        *(f"/body/{name}" for name in ("name", "count", "big", "ratio", "flag", "kind", "note", "tags")),
        *(f"/body/{name}" for name in ("when", "size", "more~1~0")),
        *(f"/body/child/{name}" for name in ("name", "count", "extra", "child/name")),
    }


@pytest.mark.parametrize("count", [1.0, 1e300, 2**64])
def test_an_integer_has_no_fraction_and_fits_64_bits(door: Door, count: float) -> None:
    got = door("POST", "/api/items", body=b'{"name": "a", "count": %r}' % count, type="application/json")
    assert got.status == 422
    assert "/body/count" in places(got)


def test_a_thousand_violations_are_cut_short(door: Door) -> None:
    got = door("POST", "/api/items", json={"name": "a", **{f"x{n}": 1 for n in range(1000)}})
    assert got.status == 422
    assert len(got.json["errors"]) == 50


def test_recursive_schemas_are_checked_to_the_ground(door: Door) -> None:
    tree: dict[str, Any] = {"name": "leaf"}
    for _ in range(30):
        tree = {"name": "node", "children": [tree]}
    assert door("POST", "/api/trees", json=tree).status == 200
    inner = tree
    for _ in range(30):
        inner = inner["children"][0]
    inner["name"] = 1
    assert places(door("POST", "/api/trees", json=tree)) == ["/body" + "/children/0" * 30 + "/name"]


def test_read_only_is_not_sent_and_write_only_is_not_answered(door: Door) -> None:
    account = {"email": "a@example.com", "password": SECRET}
    assert door("POST", "/api/accounts", json=account).status == 201
    got = door("POST", "/api/accounts", json={**account, "id": 1})
    assert [(e["field"], e["code"]) for e in got.json["errors"]] == [("/body/id", "readOnly")]


def test_a_body_that_is_not_required_may_be_absent(door: Door) -> None:
    assert door("POST", "/api/notes").json["body"] is None
    assert door("POST", "/api/notes", json={"name": "a"}).json["body"] == {"name": "a"}
    assert door("POST", "/api/notes", json={}).status == 422


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_body_where_none_is_taken_is_refused_unread(door: Door, method: str) -> None:
    path = "/api/items/mine" if method == "GET" else "/api/pushes"
    got = door(method, path, json={"a": 1})
    assert (got.status, got.parts_read) == (400, 0)
    assert door(method, path, body=[b"x"] * 9).status == 400
    assert door(method, path, body=[b""]).status == 200
    assert door(method, path).status == 200
    # What says nothing is no reason to refuse: many clients send it with every POST.
    assert door(method, path, json={}).status == 200
    assert door(method, path, body=b"12").status == 400


def test_a_chunked_body_needs_no_content_length(door: Door) -> None:
    got = door("POST", "/api/items", body=[b'{"na', b'me": ', b'"a"}'], type="application/json")
    assert got.json["body"] == {"name": "a"}


# No message repeats what may be a secret


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer"},
        {"minLength": 99},
        {"maxLength": 1},
        {"pattern": "^x$"},
        {"format": "email", "type": "string"},
        {"format": "date-time", "type": "string"},
        {"format": "byte", "type": "string"},
        {"enum": ["a", "b"]},
        {"not": {"type": "string"}},
        {"anyOf": [{"type": "integer"}, {"maxLength": 3}, {"minLength": 99}]},
        {"oneOf": [{"type": "string"}, {"minLength": 3}]},
        {"allOf": [{"minLength": 99}]},
        {"type": "object"},
        {"type": "array", "items": {"type": "string"}},
    ],
)
def test_no_message_repeats_a_password(make_door: Callable[..., Door], schema: dict[str, Any]) -> None:
    names = {"type": "object", "properties": {"password": schema, "list": {"type": "array", "items": schema}}}
    paths = {
        "/login": {"post": operation("create_loose", **body(names))},
        "/forms": {"post": operation("create_form", **body(names, FORM))},
    }
    door = make_door(contract(paths=paths))
    answers = [
        door("POST", "/api/login", json={"password": SECRET}),
        door("POST", "/api/login", json={"list": [SECRET, SECRET]}),
        door("POST", "/api/forms", body=f"password={SECRET}".encode(), type=FORM),
    ]
    assert 422 in {got.status for got in answers}
    for got in answers:
        assert got.status == 422 or schema.get("type") == "array"
        assert got.status == 200 or SECRET.encode() not in got.body


@pytest.mark.parametrize(
    "raw",
    [
        b'{"password": "%s"' % SECRET.encode(),
        b'{"password": "%s\xff"}' % SECRET.encode(),
        b'{"password": "%s", "a": 1, "a": 2}' % SECRET.encode(),
        b'"%s"' % SECRET.encode(),
        SECRET.encode(),
    ],
)
def test_what_cannot_be_read_is_not_repeated(door: Door, raw: bytes) -> None:
    got = door("POST", "/api/accounts", body=raw, type="application/json")
    assert got.status in (400, 422)
    assert SECRET.encode() not in got.body


# Forms and multipart


def test_a_form_is_decoded_by_its_schema(door: Door) -> None:
    got = door("POST", "/api/forms", body=b"title=%C3%A9+1&count=3&agree=true&tags=a&tags=b", type=FORM)
    assert got.json["body"] == {"title": "é 1", "count": 3, "agree": True, "tags": ["a", "b"]}


@pytest.mark.parametrize(
    ("raw", "status", "where"),
    [
        (b"title=%FF", 400, []),
        (b"title=\xff", 400, []),
        (b"&".join(b"a=%d" % n for n in range(1001)), 400, []),
        (b"title=a&title=b", 422, ["/body/title"]),
        (
            b"title=&count=x&agree=1&extra=1",
            422,
            ["/body/agree", "/body/count", "/body/extra", "/body/title"],
        ),
        (b"count=1", 422, ["/body/title"]),
    ],
)
def test_faults_of_a_form_are_told(door: Door, raw: bytes, status: int, where: list[str]) -> None:
    got = door("POST", "/api/forms", body=raw, type=FORM)
    assert (got.status, places(got)) == (status, where)


@pytest.mark.parametrize("type", [MULTIPART, "Multipart/Form-Data; boundary=edge; charset=UTF-8"])
def test_a_multipart_body_carries_fields_and_files(door: Door, type: str) -> None:
    more = ('name="more"; filename="b"', b"1"), ('name="more"; filename="c"', b"2")
    fields = (('name="title"', "é".encode()), ('name="count"', b"3"), FILE, *more)
    got = door("POST", "/api/letters", body=multipart(*fields), type=type)
    assert got.status == 200, got.body
    seen = got.json["body"]
    assert (seen["title"], seen["count"]) == ("é", 3)
    assert seen["file"] == {"name": "a.txt", "sha256": hashlib.sha256(b"\x00\xff").hexdigest()}
    assert [file["name"] for file in seen["more"]] == ["b", "c"]


@pytest.mark.parametrize(
    ("raw", "type", "status"),
    [
        (multipart(TITLE, FILE), "multipart/form-data", 400),
        (multipart(TITLE, FILE), "multipart/form-data; boundary=other", 400),
        (b"--edge\r\nContent-Type: text/plain\r\n\r\nno name\r\n--edge--\r\n", MULTIPART, 400),
        (multipart(('name="title"', b"\xff"), FILE), MULTIPART, 400),
        (multipart(*[TITLE] * 2, FILE), MULTIPART, 422),
        (multipart(TITLE), MULTIPART, 422),
        (multipart(TITLE, FILE, ('name="count"', b"x")), MULTIPART, 422),
        (multipart(*[('name="more"; filename="b"', b"1")] * 101), MULTIPART, 400),
        (multipart(TITLE, FILE), FORM, 415),
        (multipart(TITLE, FILE), MULTIPART + "; charset=utf-16", 415),
    ],
)
def test_faults_of_a_multipart_body_are_told(door: Door, raw: bytes, type: str, status: int) -> None:
    got = door("POST", "/api/letters", body=raw, type=type)
    assert got.status == status, got.body


# Files


def spooled(home: Path) -> list[Path]:
    return [path for path in (home / "files").rglob("*") if path.is_file()]


def test_a_file_is_streamed_to_the_disk(make_door: Callable[..., Door], tmp_path: Path) -> None:
    parts = [os.urandom(70_000) for _ in range(40)]
    door = make_door()
    got = door("POST", "/api/files", body=parts, type="application/zip")
    whole = b"".join(parts)
    want = {"size": len(whole), "sha256": hashlib.sha256(whole).hexdigest(), "type": "application/zip"}
    assert got.json["body"] == want
    assert spooled(tmp_path) == []


@pytest.mark.parametrize("length", [None, 1025])
def test_a_file_that_is_too_large_is_refused_before_its_end(
    make_door: Callable[..., Door], tmp_path: Path, length: int | None
) -> None:
    door = make_door(upload_max_bytes=1024)
    sent: bytes | list[bytes] = b"x" * 1025 if length else [b"x" * 512] * 100
    got = door("POST", "/api/files", body=sent, type="application/zip", length=length)
    assert (got.status, got.json["code"]) == (413, "FILE_TOO_LARGE")
    assert got.json["error"]["details"] == {"limit_bytes": 1024}
    assert got.header("connection") == "close"
    assert got.parts_read == (0 if length else 3)
    assert spooled(tmp_path) == []


@pytest.mark.parametrize("sent", [b"", [b""], [b"", b""]])
def test_an_empty_file_is_no_file(door: Door, sent: Any) -> None:
    got = door("POST", "/api/files", body=sent, type=ZIP, length=0 if sent == b"" else None)
    assert (got.status, places(got)) == (422, ["/body"])


def test_no_file_is_read_of_someone_who_may_not_send_it(make_door: Callable[..., Door]) -> None:
    binary = body({"type": "string", "format": "binary"}, ZIP)
    private = operation("upload_file", security=[{"session": []}], **binary)
    door = make_door(contract(paths={"/files": {"post": private}}))
    got = door("POST", "/api/files", body=[b"x"] * 10, type=ZIP)
    assert (got.status, got.parts_read) == (401, 0)
    got = door("POST", "/api/files", body=[b"x"] * 10, type="text/plain", headers=COOKIE)
    assert (got.status, got.parts_read) == (415, 0)


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    class Full(FileStore):
        def path(self, kind: str, file_id: UUID) -> Path:
            place = super().path(kind, file_id)
            place.symlink_to("/dev/full")
            return place

    services = make_services(tmp_path)
    services.files = Full(tmp_path / "files")
    door = Door(make(tmp_path, services=services))
    got = door("POST", "/api/files", body=[b"x" * 1000] * 3, type="application/zip")
    assert (got.status, got.json["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert list((tmp_path / "files" / "spool").iterdir()) == []
    door.close()


# Too large


def test_a_declared_length_is_refused_unread(door: Door) -> None:
    got = door("POST", "/api/items", body=b"{}", type="application/json", length=65537)
    assert (got.status, got.json["code"], got.parts_read) == (413, "PAYLOAD_TOO_LARGE", 0)
    assert got.json["error"]["details"] == {"limit_bytes": 65536}


def test_a_chunked_body_is_refused_before_its_end(door: Door) -> None:
    got = door("POST", "/api/items", body=[b" " * 40_000] * 50, type="application/json")
    assert (got.status, got.parts_read) == (413, 2)
    assert got.header("connection") == "close"


def test_a_body_of_the_limit_is_taken(door: Door) -> None:
    raw = b'{"name": "a"}'.ljust(65536)
    assert door("POST", "/api/items", body=raw, type="application/json").status == 201
    assert door("POST", "/api/items", body=raw + b" ", type="application/json").status == 413


@pytest.mark.parametrize("length", ["-1", "1e3", "\u00b2", "9" * 40, "x"])
def test_a_length_that_is_no_number_is_malformed(door: Door, length: str) -> None:
    headers = {"Content-Length": length}
    assert door("POST", "/api/items", headers=headers, type="application/json").status == 400


@pytest.mark.parametrize("path", ["/api/items", "/api/files"])
def test_a_client_that_hangs_up_leaves_nothing(
    make_door: Callable[..., Door], tmp_path: Path, path: str
) -> None:
    door = make_door()

    messages: Iterator[dict[str, Any]] = itertools.chain(
        [{"type": "http.request", "body": b"{", "more_body": True}],
        itertools.repeat({"type": "http.disconnect"}),
    )
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    kind = b"application/json" if path == "/api/items" else b"application/zip"
    scope = {"type": "http", "method": "POST", "path": path, "headers": [(b"content-type", kind)]}
    door.loop.run_until_complete(door.app(scope, receive, send))
    assert sent == []
    assert spooled(tmp_path) == []
