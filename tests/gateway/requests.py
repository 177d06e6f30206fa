"""Generated requests for the contract of these tests: mostly good, with faults of every kind mixed in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from hypothesis import strategies as st

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
UUID = "12345678-1234-4234-8234-123456789012"


@dataclass(frozen=True)
class Request:
    """`query` and `form` are pairs of texts, `value` what the JSON stands for: there to be judged."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    raw: bytes = b""
    type: str | None = None
    chunked: bool = False
    value: Any = None
    form: tuple[tuple[str, str], ...] = ()

    @property
    def target(self) -> str:
        pairs = "&".join(f"{quote_plus(name)}={quote_plus(text)}" for name, text in self.query)
        return f"/api{self.path}?{pairs}"

    @property
    def options(self) -> dict[str, Any]:
        body: Any = [self.raw[:5], self.raw[5:]] if self.chunked else self.raw
        return {"body": body, "type": self.type, "headers": dict(self.headers)}


@st.composite
def rarely(draw: st.DrawFn, usual: Any, other: Any, one_in: int = 8) -> Any:
    """`other` about once in `one_in` times; `one_of` would choose it as often as the usual."""
    return draw(other if draw(st.integers(1, one_in)) == one_in else usual)


integers = st.integers(0, 120).map(str)
odd_integers = st.sampled_from(
    ["", "-0", "-1", "+5", "007", "1_0", "٣٤", " 5", "5 ", "5.0", "1e1", "0x10", "x", "NaN", "9" * 20, "true"]
)
numbers = st.one_of(st.integers(-2000, 2000).map(str), st.floats(-2000, 2000).map(repr))
odd_numbers = st.sampled_from(
    ["", "nan", "inf", "-Infinity", "1_0.5", ".5", "5.", "1e400", "x", "1,5", "٣.٥"]
)
words = st.text("abé %&=+/", max_size=7)
formatted = {
    "when": st.datetimes().map(lambda t: t.isoformat() + "Z"),
    "day": st.dates().map(str),
    "who": st.uuids().map(str),
}
odd_formats = st.sampled_from(
    ["", "yesterday", "2024-02-30", "2024-13-01T00:00:00Z", "12345678", "{" + UUID + "}"]
)

parameters: dict[str, st.SearchStrategy[str]] = {
    "limit": rarely(integers, odd_integers, 4),
    "ratio": rarely(numbers, odd_numbers, 4),
    "flag": rarely(st.sampled_from(["true", "false"]), st.sampled_from(["True", "1", "", "yes", "FALSE"]), 4),
    "kind": rarely(st.sampled_from(["red", "green"]), st.sampled_from(["", "blue", "Red"])),
    "text": words,
    "tags": words,
    "ids": rarely(
        st.lists(integers, min_size=1, max_size=4).map(",".join), st.sampled_from(["", ",", "1,,2", "a"])
    ),
    **{name: rarely(usual, odd_formats) for name, usual in formatted.items()},
}


@st.composite
def pairs(draw: st.DrawFn, fields: dict[str, st.SearchStrategy[str]], many: str = "") -> Any:
    names = draw(st.lists(st.sampled_from(sorted(fields)), max_size=4, unique=True))
    found = [(name, draw(fields[name])) for name in names]
    if many in names:
        found += [(many, text) for text in draw(st.lists(fields[many], max_size=2))]
    if found and draw(st.integers(1, 25)) == 25:
        found.append(draw(st.sampled_from(found)))
    if draw(st.integers(1, 25)) == 25:
        found.append(("unknown", "1"))
    return tuple(found)


lists_of_items = pairs(parameters, "tags").map(lambda query: Request("GET", "/items", query))

single_items = rarely(
    st.uuids().map(str), st.sampled_from(["x", UUID[:-1], UUID.upper(), "mine", "a b"])
).map(lambda item: Request("GET", f"/items/{quote_plus(item)}"))
single_numbers = rarely(integers, odd_integers, 3).map(lambda n: Request("GET", f"/numbers/{quote_plus(n)}"))
unions = pairs(
    {"size": st.sampled_from(["1", "9", "10", "auto", "x"]), "numbers": rarely(integers, words)}
).map(lambda query: Request("GET", "/sizes", query))
traced = st.text("abcdefghiX1", max_size=9).map(
    lambda trace: Request("GET", "/traced", headers=(("X-Trace", trace),))
)
elsewhere = st.tuples(
    st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    st.sampled_from(["/nothing", "/items", "/forms", "/items/mine"]),
).map(lambda found: Request(*found))

scalars = st.one_of(st.none(), st.booleans(), st.integers(-5, 20), st.floats(-3, 20, width=16), words)
values: Any = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3))
)
names = rarely(st.text("ab ", min_size=1, max_size=8), st.one_of(words, values), 10)
properties: dict[str, Any] = {
    "count": rarely(st.integers(0, 9), st.one_of(values, st.sampled_from([10, 5.0, 2**64, True]))),
    "big": rarely(st.integers(-(2**31), 2**31 - 1), st.one_of(values, st.sampled_from([2**31, -(2**40)]))),
    "ratio": rarely(st.sampled_from([0, 0.5, 1.0, 2, -3.5]), values),
    "flag": rarely(st.booleans(), values),
    "kind": rarely(st.sampled_from(["red", "green", None]), values),
    "note": rarely(st.one_of(st.none(), st.text(max_size=4)), values),
    "tags": rarely(st.lists(words, min_size=1, max_size=3, unique=True), values),
    "when": rarely(formatted["when"], st.one_of(odd_formats, values)),
    "size": rarely(st.sampled_from([1, 9, "auto"]), st.one_of(values, st.just(10))),
    "id": st.just(UUID),
    "extra": values,
}
common = sorted(set(properties) - {"id", "extra"})


@st.composite
def items(draw: st.DrawFn, depth: int = 2) -> Any:
    item = {} if draw(st.integers(1, 20)) == 20 else {"name": draw(names)}
    for name in draw(st.lists(st.sampled_from(common), max_size=4, unique=True)):
        item[name] = draw(properties[name])
    if draw(st.integers(1, 15)) == 15:
        rare = draw(st.sampled_from(["id", "extra"]))
        item[rare] = draw(properties[rare])
    if depth and draw(st.integers(1, 4)) == 4:
        item["child"] = draw(rarely(st.one_of(st.none(), items(depth - 1)), values))
    return item


trees: Any = st.deferred(
    lambda: st.fixed_dictionaries(
        {"name": rarely(words, scalars, 20)},
        optional={"children": rarely(st.lists(trees, max_size=2), values, 20)},
    )
)
accounts = st.fixed_dictionaries(
    {
        "email": rarely(st.just("a@example.com"), st.one_of(values, st.just("a"))),
        "password": rarely(st.text("ab", min_size=12, max_size=20), values),
    },
    optional={"id": st.integers(0, 3)},
)
odd_types = st.sampled_from(
    [None, "text/plain", JSON + "; charset=utf-8", JSON + ";charset=nonsense", "Application/JSON", "nonsense"]
)


@st.composite
def with_json(draw: st.DrawFn, path: str, usual: Any) -> Request:
    value = draw(rarely(usual, values, 12))
    text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    raw, fault = text.encode(errors="surrogatepass"), draw(st.integers(0, 50))
    if fault == 1:
        raw = raw[: draw(st.integers(0, len(raw)))]
    elif fault in (2, 6, 7, 8):
        raw = raw[:-1] + b',"x":NaN}' if raw[-1:] == b"}" and len(raw) > 2 else b"NaN"
    elif fault == 3:
        raw = raw[:-1] + b',"name":"a"}' if raw[-1:] == b"}" and len(raw) > 2 else raw
    elif fault == 4:
        raw = raw + b'"\xff"'
    elif fault == 5:
        raw = b" " + raw + b"\n"
    kind = draw(rarely(st.just(JSON), odd_types, 25)) if raw else JSON
    chunked = bool(raw) and draw(st.integers(1, 25)) == 25
    return Request("POST", path, raw=raw, type=kind, chunked=chunked, value=value)


@st.composite
def with_form(draw: st.DrawFn) -> Request:
    fields = {
        "title": words,
        "count": rarely(integers, odd_integers),
        "agree": parameters["flag"],
        "tags": words,
    }
    found = draw(pairs(fields, "tags"))
    if draw(st.integers(1, 6)) < 6 and not any(name == "title" for name, _ in found):
        found = (("title", draw(st.text("abé", min_size=1, max_size=8))), *found)
    raw = "&".join(f"{quote_plus(name)}={quote_plus(text)}" for name, text in found).encode()
    kind = draw(rarely(st.just(FORM), st.sampled_from([None, JSON, "multipart/form-data"]), 25))
    return Request("POST", "/forms", raw=raw, type=kind, form=found)


@st.composite
def with_multipart(draw: st.DrawFn) -> Request:
    found = []
    if draw(st.integers(1, 10)) < 10:
        found.append(("title", draw(words)))
    if draw(st.integers(1, 3)) == 3:
        found.append(("count", draw(rarely(integers, odd_integers))))
    if draw(st.integers(1, 25)) == 25:
        found.append(("unknown", "1"))
    parts = [f'name="{name}"\r\n\r\n{text}' for name, text in found]
    if draw(st.integers(1, 10)) < 10:
        parts.append('name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\ncontent')
    for _ in range(draw(st.integers(0, 2))):
        parts.append('name="more"; filename="b.txt"\r\n\r\ncontent')
    lines = [f"--edge\r\nContent-Disposition: form-data; {part}\r\n" for part in parts]
    raw = "".join(lines).encode() + b"--edge--\r\n"
    return Request("POST", "/letters", raw=raw, type="multipart/form-data; boundary=edge", form=tuple(found))


requests = st.one_of(
    lists_of_items,
    lists_of_items,
    single_items,
    single_numbers,
    unions,
    traced,
    elsewhere,
    with_json("/items", items()),
    with_json("/items", items()),
    with_json("/notes", items()),
    with_json("/loose", st.dictionaries(words, values, max_size=3)),
    with_json("/loose", st.dictionaries(words, scalars, max_size=3)),
    with_json("/trees", trees),
    with_json("/accounts", accounts),
    with_form(),
    with_multipart(),
)
