"""Does a client of the released contract still work with the new one?

*Backward*: what such a client sends is still accepted, and what it reads is still answered. *Forward*:
what is answered now is something it was told to expect (an answer may gain properties: clients leave
alone what they do not know). Schemas are compared in the direction in which they travel: a request may
only get wider, an answer only narrower.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from writ.contract.emit.source import Source, texts
from writ.contract.finding import Finding

Direction = Literal["request", "answer"]
_LOWER_BOUNDS = ("minLength", "minItems", "minProperties", "minimum")
_UPPER_BOUNDS = ("maxLength", "maxItems", "maxProperties", "maximum")


def may_break(released: dict[str, Any], document: dict[str, Any]) -> bool:
    """Whether the version says that clients have to look: its first number that is not zero has been raised.

    Semantic Versioning 2.0.0, items 4 and 8: 1.4.0 to 2.0.0, or 0.1.0 to 0.2.0.
    """
    old, new = (_numbers(each) for each in (released, document))
    place = next((i for i, number in enumerate(old) if number), len(old) - 1)
    return new[: place + 1] > old[: place + 1]


def _numbers(document: dict[str, Any]) -> tuple[int, ...]:
    return tuple(int(part) for part in str(document["info"]["version"]).split("-")[0].split("."))


def compare(released: dict[str, Any], document: dict[str, Any]) -> list[Finding]:
    """Return what would break for a client of `released`; both are bundled documents."""
    return list(_Comparison(released, document).run())


class _Comparison:
    def __init__(self, released: dict[str, Any], document: dict[str, Any]) -> None:
        self.old = Source(Path(), released, {})
        self.new = Source(Path(), document, {})
        self.seen: set[tuple[str, str, Direction]] = set()

    def run(self) -> Iterator[Finding]:
        now = {(_shape(path), method): (path, operation) for path, method, operation in self.new.operations()}
        for path, method, before in self.old.operations():
            place = f"{method.upper()} {path}"
            if (_shape(path), method) not in now:
                yield _backward(place, "the operation is gone", "keep it, or mark it deprecated first")
                continue
            new_path, after = now[_shape(path), method]
            if before["operationId"] != after["operationId"]:
                renamed = f"operationId {before['operationId']} became {after['operationId']}"
                yield _backward(place, renamed, "keep it: it is the name of a method in every client")
            lost = set(texts(before.get("x-scopes"))) - set(texts(after.get("x-scopes")))
            for scope in sorted(lost):
                yield _backward(
                    place, f"the scope {scope} no longer allows it", "keep the scope beside the new one"
                )
            if not before.get("security", self.old.document.get("security")) and after.get(
                "security", self.new.document.get("security")
            ):
                yield _backward(place, "now asks for credentials", "leave it open, or make a new operation")
            yield from self.parameters(place, path, before, new_path, after)
            yield from self.body(place, before, after)
            yield from self.answers(place, before, after)

    def parameters(
        self, place: str, path: str, before: dict[str, Any], new_path: str, after: dict[str, Any]
    ) -> Iterator[Finding]:
        # A path's parameters are known by their place in it, not by their names, which no client sends.
        old = {(p["in"], p["name"]): p for p in self.old.parameters(path, before) if p["in"] != "path"}
        new = {(p["in"], p["name"]): p for p in self.new.parameters(new_path, after) if p["in"] != "path"}
        for key, parameter in old.items():
            where = f"{place} {key[0]} {key[1]}"
            if key not in new:
                yield _backward(where, "the parameter is gone", "keep it, or mark it deprecated first")
                continue
            if new[key].get("required") and not parameter.get("required"):
                yield _backward(where, "became required", "leave it optional, with a default")
            yield from self.schema(where, parameter.get("schema", {}), new[key].get("schema", {}), "request")
        for key, parameter in new.items():
            if key not in old and parameter.get("required"):
                yield _backward(f"{place} {key[0]} {key[1]}", "is new and required", "make it optional")

    def body(self, place: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Finding]:
        old = self.old.resolve(before.get("requestBody", {}))
        new = self.new.resolve(after.get("requestBody", {}))
        if old and not new:
            yield _backward(f"{place} body", "is no longer taken", "keep it")
            return
        if new.get("required") and not old.get("required"):
            yield _backward(f"{place} body", "became required", "leave it optional")
        for media, content in old.get("content", {}).items():
            if media not in new.get("content", {}):
                yield _backward(f"{place} body", f"{media} is no longer taken", "keep taking it")
                continue
            new_schema = new["content"][media].get("schema", {})
            yield from self.schema(f"{place} body", content.get("schema", {}), new_schema, "request")

    def answers(self, place: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Finding]:
        old, new = before.get("responses", {}), after.get("responses", {})
        for status in old:
            if status.startswith("2") and status not in new:
                yield _backward(f"{place} answer {status}", "is gone", "keep answering it")
        for status in new:
            if status not in old:
                yield _forward(
                    f"{place} answer {status}", "is new to old clients", "use a status that they know"
                )
        for status, raw in old.items():
            if status not in new:
                continue
            was, now = self.old.resolve(raw), self.new.resolve(new[status])
            for name in was.get("headers", {}):
                if name not in now.get("headers", {}):
                    yield _backward(
                        f"{place} answer {status}", f"the header {name} is gone", "keep sending it"
                    )
            for media, content in was.get("content", {}).items():
                where = f"{place} answer {status}"
                if media not in now.get("content", {}):
                    yield _backward(where, f"{media} is gone", "keep answering it")
                    continue
                new_schema = now["content"][media].get("schema", {})
                yield from self.schema(where, content.get("schema", {}), new_schema, "answer")

    def schema(self, place: str, old: Any, new: Any, way: Direction) -> Iterator[Finding]:
        """Compare two schemas; a pair of named ones is compared once for each direction."""
        names = (old.get("$ref"), new.get("$ref"))
        if names[0] and names[1]:
            key = (names[0], names[1], way)
            if key in self.seen:
                return
            self.seen.add(key)
            place = f"{place} ({names[0].rsplit('/', 1)[-1]})"
        old, new = _flat(self.old, old), _flat(self.new, new)
        yield from self.values(place, old, new, way)
        yield from self.choices(place, old, new, way)
        if "items" in old and "items" in new:
            yield from self.schema(f"{place}[]", old["items"], new["items"], way)
        yield from self.properties(place, old, new, way)

    def values(
        self, place: str, old: dict[str, Any], new: dict[str, Any], way: Direction
    ) -> Iterator[Finding]:
        wide, narrow = (new, old) if way == "request" else (old, new)
        told = _backward if way == "request" else _forward
        kinds = {wide.get("type"), narrow.get("type")}
        if wide.get("type") and kinds not in ({wide["type"]}, {"number", "integer"}):
            yield _backward(place, f"type {old.get('type')} became {new.get('type')}", "keep the type")
        elif kinds == {"number", "integer"} and wide.get("type") == "integer":
            yield told(place, f"type {old.get('type')} became {new.get('type')}", "keep the type")
        if narrow.get("nullable") and wide.get("type") and not wide.get("nullable"):
            word = "null is no longer taken" if way == "request" else "may now be null"
            yield told(place, word, "leave that as it was")
        if "enum" in wide:
            allowed = [value for value in wide["enum"] if value is not None]
            if "enum" not in narrow:
                word = "is now limited to an enum" if way == "request" else "is no longer limited to its enum"
                yield told(place, word, "leave it as it was")
            # What the released contract announced to grow, its clients expect to grow.
            open_ended = way == "answer" and bool(old.get("x-extensible-enum"))
            for value in () if open_ended else narrow.get("enum", ()):
                if value is not None and value not in allowed:
                    word = "is no longer taken" if way == "request" else "is new to old clients"
                    yield told(place, f"the value {value!r} {word}", "keep the values that clients know")
        for key in ("pattern", "format"):
            if wide.get(key) is not None and wide.get(key) != narrow.get(key):
                yield told(place, f"{key} {old.get(key)!r} became {new.get(key)!r}", "leave it as it was")
        if way == "answer":
            return  # readers are bothered by types and values, not by how long or how many
        for key in (*_LOWER_BOUNDS, *_UPPER_BOUNDS):
            sign = 1 if key in _LOWER_BOUNDS else -1
            if key in new and (key not in old or sign * new[key] > sign * old[key]):
                yield _backward(place, f"{key} {old.get(key)} became {new[key]}", "do not narrow it")
        for key in ("uniqueItems", "exclusiveMinimum", "exclusiveMaximum"):
            if new.get(key) and not old.get(key):
                yield _backward(place, f"{key} is new", "do not narrow it")
        if new.get("multipleOf") not in (None, old.get("multipleOf")):
            yield _backward(place, f"multipleOf became {new['multipleOf']}", "do not narrow it")

    def choices(
        self, place: str, old: dict[str, Any], new: dict[str, Any], way: Direction
    ) -> Iterator[Finding]:
        for key in ("oneOf", "anyOf"):
            before, after = old.get(key), new.get(key)
            if before is None and after is None:
                continue
            if before is None or after is None:
                yield _backward(
                    place, f"{key} {'appeared' if before is None else 'is gone'}", "keep the form"
                )
                continue
            for was, now in zip(before, after, strict=False):
                yield from self.schema(f"{place} {key}", was, now, way)
            if way == "request" and len(after) < len(before):
                yield _backward(place, f"a choice of {key} is gone", "keep it")
            if way == "answer" and len(after) > len(before):
                yield _forward(place, f"a choice of {key} is new to old clients", "answer only known forms")

    def properties(
        self, place: str, old: dict[str, Any], new: dict[str, Any], way: Direction
    ) -> Iterator[Finding]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name, value in before.items():
            where = f"{place}.{name}"
            if name not in after:
                yield _backward(where, "the property is gone", "keep it, or mark it deprecated first")
            else:
                yield from self.schema(where, value, after[name], way)
        needed, now = set(old.get("required", ())), set(new.get("required", ()))
        if way == "request":
            for name in sorted(now - needed):
                word = "became required" if name in before else "is new and required"
                yield _backward(f"{place}.{name}", word, "leave it optional, with a default")
            if (
                new.get("additionalProperties") is False
                and old.get("additionalProperties") is not False
                and before
            ):
                yield _backward(place, "no longer takes other properties", "keep taking them")
        else:
            for name in sorted(needed - now):
                if name in after:
                    yield _forward(f"{place}.{name}", "may now be missing", "keep it required")


def _shape(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def _flat(source: Source, schema: Any) -> dict[str, Any]:
    """Return a schema with references followed and `allOf` merged into one set of keywords."""
    result: dict[str, Any] = dict(source.resolve(schema))
    for part in result.pop("allOf", ()):
        piece = _flat(source, part)
        merged = {**piece, **result}
        for key in ("properties", "required"):
            if key in piece and key in result:
                both = piece[key] | result[key] if key == "properties" else [*piece[key], *result[key]]
                merged[key] = both
        result = merged
    return result


def _backward(place: str, wrong: str, remedy: str) -> Finding:
    return Finding("breaking: backward", place, wrong, remedy)


def _forward(place: str, wrong: str, remedy: str) -> Finding:
    return Finding("breaking: forward", place, wrong, remedy)
