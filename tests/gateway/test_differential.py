"""Thousands of generated requests through Writ and through stock Connexion: one contract, the same handlers.

Both must accept, or both refuse; where both accept, both handlers must have been given the same body. Where
they differ, the difference has a name in FAULTS, and stock does what is said there: anything else is a fault
of Writ, or one of stock that nobody knew.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings

from tests.gateway.contract import PATHS, contract_of
from tests.gateway.harness import Door, Got
from tests.gateway.requests import JSON, UUID, Request, requests
from tests.gateway.stock import stock
from writ.gateway import front

pytestmark = pytest.mark.stock

EXAMPLES = 4500
INTEGERS, NUMBERS, BOOLEANS = ("limit", "ids", "numbers", "count"), ("ratio",), ("flag", "agree")
MANY = ("tags", "numbers")
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def texts(request: Request, names: tuple[str, ...]) -> Iterator[str]:
    """The texts of these fields, wherever they stand; `ids` is a list in one text."""
    for name, text in (*request.query, *request.form):
        if name in names:
            yield from text.split(",") if name == "ids" else [text]
    if request.path.startswith("/numbers/") and names is INTEGERS:
        yield request.path.removeprefix("/numbers/").replace("%2B", "+").replace("%20", " ")


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """An item and the items in it."""
    if isinstance(value, dict):
        yield value
        yield from objects(value.get("child"))


def is_format(name: str, text: Any) -> bool:
    """Whether a text is what the field's format says, by Python's own reading of it."""
    try:
        if name == "who":
            return bool(_UUID.fullmatch(text))
        if name == "day":
            return str(date.fromisoformat(text)) == text
        return "T" in text and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def formats(request: Request) -> bool:
    if request.path.startswith("/items/") and request.path != "/items/mine":
        return not is_format("who", request.path.removeprefix("/items/"))
    fields = [(name, text) for name, text in request.query if name in ("when", "day", "who")]
    for item in objects(request.value):
        fields += [("when", item["when"])] if isinstance(item.get("when"), str) else []
        if isinstance(item.get("big"), int) and not -(2**31) <= item["big"] < 2**31:
            return True
    return any(not is_format(*field) for field in fields)


def spellings(request: Request) -> bool:
    return any(not _INTEGER.fullmatch(t) for t in texts(request, INTEGERS)) or any(
        not _NUMBER.fullmatch(t) for t in texts(request, NUMBERS)
    )


def repeated(request: Request) -> bool:
    names = [name for name, _ in (*request.query, *request.form) if name not in MANY]
    return len(names) != len(set(names))


def unions(request: Request) -> bool:
    return request.path == "/sizes" and any(name in ("size", "numbers") for name, _ in request.query)


def read_only_is_missing(request: Request) -> bool:
    return request.path == "/accounts" and isinstance(request.value, dict) and "id" not in request.value


def read_only_is_sent(request: Request) -> bool:
    return request.path in ("/accounts", "/items", "/notes") and any(
        "id" in i for i in objects(request.value)
    )


def nullable_reference(request: Request) -> bool:
    return any(item.get("child", ...) is None for item in objects(request.value))


def is_not_utf8(request: Request) -> bool:
    return request.raw.decode(errors="replace").encode() != request.raw


def charset(request: Request) -> bool:
    return request.type is not None and ";charset=" in request.type


@dataclass(frozen=True)
class Fault:
    """A difference with a name: what stock does ("accepts", "refuses", "fails") with which requests."""

    name: str
    stock: str
    recognises: Callable[[Request], bool]
    sample: Request


def get(path: str, *query: tuple[str, str]) -> Request:
    return Request("GET", path, query)


def post(path: str, raw: bytes = b"", *, type: str | None = JSON, **more: Any) -> Request:
    return Request("POST", path, raw=raw, type=type, **more)


NAMED = b'{"name": "a"}'
ACCOUNT = {"email": "a@example.com", "password": "correct-horse"}

FAULTS = (
    # The table of known faults.
    Fault("formats are not enforced", "accepts", formats, get("/items", ("who", "x"))),
    Fault("NaN is accepted", "accepts", lambda r: b"NaN" in r.raw, post("/loose", b'{"a": NaN}')),
    Fault(
        "1_0, +5, 007 and digits of other scripts are integers",
        "accepts",
        spellings,
        get("/items", ("limit", "1_0")),
    ),
    Fault("invalid UTF-8 is a 500", "fails", is_not_utf8, post("/items", b'"\xff"')),
    Fault("an unknown charset is a 500", "fails", charset, post("/items", NAMED, type=f"{JSON};charset=x")),
    Fault("a chunked body is not seen", "refuses", lambda r: r.chunked, post("/items", NAMED, chunked=True)),
    Fault("oneOf and anyOf in the query are a 500", "fails", unions, get("/sizes", ("size", "auto"))),
    Fault(
        "a required readOnly property is demanded",
        "refuses",
        read_only_is_missing,
        post("/accounts", json.dumps(ACCOUNT).encode(), value=ACCOUNT),
    ),
    # What else generated requests have found.
    Fault(
        "integers have no end",
        "accepts",
        lambda r: any(len(t) > 19 for t in texts(r, INTEGERS)),
        get("/numbers/99999999999999999999"),
    ),
    Fault(
        "a readOnly property may be sent",
        "accepts",
        read_only_is_sent,
        post("/items", b'{"name": "a", "id": "%s"}' % UUID.encode(), value={"name": "a", "id": UUID}),
    ),
    Fault(
        "a name that is there twice is accepted",
        "accepts",
        lambda r: r.raw.endswith(b',"name":"a"}'),
        post("/items", b'{"name":"b","name":"a"}'),
    ),
    Fault(
        "True and FALSE are booleans",
        "accepts",
        lambda r: any(t.lower() != t for t in texts(r, BOOLEANS)),
        get("/items", ("flag", "True")),
    ),
    Fault(
        "of a repeated parameter one is taken",
        "accepts",
        repeated,
        get("/items", ("limit", "1"), ("limit", "2")),
    ),
    Fault(
        "a body that is not required may not be absent",
        "refuses",
        lambda r: r.path == "/notes" and not r.raw,
        post("/notes"),
    ),
    Fault(
        "a body without Content-Type is a 500",
        "fails",
        lambda r: r.type is None and bool(r.raw),
        post("/loose", b"{}", type=None),
    ),
    Fault(
        "media types have a case",
        "fails",
        lambda r: r.type == "Application/JSON",
        post("/loose", b"{}", type="Application/JSON"),
    ),
    Fault(
        "a parameter takes the methods that a literal path lacks",
        "accepts",
        lambda r: r.path == "/items/mine" and r.method != "GET",
        Request("DELETE", "/items/mine"),
    ),
    # OpenAPI 3.0.3 gives `nullable` beside `allOf` no meaning; Writ takes it as it is meant.
    Fault(
        "nullable beside allOf is not heard",
        "refuses",
        nullable_reference,
        post("/items", b'{"name": "a", "child": null}', value={"name": "a", "child": None}),
    ),
)
# Rows of the table that no request can show: test_known_faults.py has a test for each.
NOT_REACHABLE = (
    "OpenAPI 3.1",
    "duplicate operationIds",
    "unresolved operationId",
    "extra property of an open object",
    "two media types of an answer",
    "statuses that the contract does not name",
    "only the first error is told",
    "HEAD on FlaskApp",
    "braces in the contract",
    "recursive schemas in /openapi.json",
    "ten threads of FlaskApp, which routes twice",
)


def outcome(got: Got) -> str:
    return {2: "accepts", 4: "refuses", 5: "fails"}[got.status // 100]


def judge(request: Request, writ: Got, other: Got) -> str | None:
    """The name of the difference, None when there is none; an AssertionError when it has no name."""
    ours, theirs = outcome(writ), outcome(other)
    assert ours != "fails", f"Writ fails on {request}: {writ.body!r}"
    if ours == theirs:
        if ours == "refuses" or not request.raw or repeated(request):
            return None
        assert writ.json.get("body") == other.json.get("body"), request
        return None
    for fault in FAULTS:
        if fault.stock == theirs and fault.recognises(request):
            return fault.name
    raise AssertionError(f"{request}\nWrit {ours}: {writ.body!r}\nstock {theirs}: {other.body!r}")


def samples(test: Callable[..., None]) -> Callable[..., None]:
    """The sample of every fault beside the generated requests, so that no luck is needed to see each."""
    for fault in FAULTS:
        test = example(fault.sample)(test)
    return test


def test_writ_accepts_and_refuses_as_stock_connexion_but_for_its_known_faults(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both write a line a request.
    monkeypatch.setattr(front, "record", lambda *_line: None)
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)
    served = [path for path in PATHS if path not in ("/private", "/scoped", "/streams")]
    other = stock(contract_of(served))
    agreed: Counter[tuple[str, str]] = Counter()
    seen: Counter[str] = Counter()
    unique: set[str] = set()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(requests)
    @samples
    def compare(request: Request) -> None:
        if repr(request) in unique:
            return
        unique.add(repr(request))
        writ = door(request.method, request.target, **request.options)
        name = judge(request, writ, other(request.method, request.target, **request.options))
        if name is None:
            agreed[f"{request.method} /{request.path.split('/')[1]}", outcome(writ)] += 1
        else:
            seen[name] += 1

    compare()
    other.close()
    print(f"{len(unique)} requests: {sorted(agreed.items())}, {sorted(seen.items())}")
    # The run was not hollow: of each kind some were accepted and some refused by both; every fault was seen.
    assert len(unique) > 1800
    assert sum(n for (_, ours), n in agreed.items() if ours == "accepts") > 600
    assert sum(n for (_, ours), n in agreed.items() if ours == "refuses") > 600
    posts = [f"POST /{name}" for name in ("items", "notes", "loose", "trees", "forms", "letters")]
    for kind in ("GET /items", "GET /numbers", "GET /traced", *posts):
        for ours in ("accepts", "refuses"):
            assert agreed[kind, ours] >= 5, (kind, ours)
    assert {fault.name for fault in FAULTS} - set(seen) == set()


def test_the_judge_is_not_blind() -> None:
    yes, no, broken = Got(200, body=b"{}"), Got(422), Got(500)
    plain = Request("GET", "/items", (("limit", "5"),))
    assert judge(plain, yes, yes) is None
    for writ, other in ((yes, no), (no, yes), (no, broken), (yes, broken), (broken, no), (broken, broken)):
        with pytest.raises(AssertionError):
            judge(plain, writ, other)
    assert judge(Request("GET", "/items", (("limit", "1_0"),)), no, yes) == FAULTS[2].name
    with pytest.raises(AssertionError):
        judge(Request("GET", "/items", (("limit", "1_0"),)), yes, no)
    with pytest.raises(AssertionError):
        judge(Request("POST", "/items", raw=b"{}", type=JSON, value={}), Got(200, body=b'{"body":1}'), yes)
    assert not formats(Request("GET", f"/items/{UUID}"))
