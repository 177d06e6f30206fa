"""Reading a contract file as plain JSON values.

YAML is read by the rules of YAML 1.2's core schema, so that what a person reads is what a program gets: `no`
and `on` are words, `2026-01-31` is a string, `1_000` is a string. Nothing is ever rendered as a template.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml


class ContractError(Exception):
    """The contract cannot be used as it stands; the message says where, what is wrong and what to do."""


class _Loader(yaml.SafeLoader):
    """A safe loader with the core schema's scalars, string keys, and no duplicate or merge keys."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", list("-+0123456789")),
    ("float", r"^[-+]?[0-9]+(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)$", list("-+0123456789")),
    ("merge", r"^(?:<<)$", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    """Build a mapping whose keys are strings, as JSON has them (an unquoted `200:` is the key "200")."""
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        place = f"{key_node.start_mark.name}:{key_node.start_mark.line + 1}"
        if not isinstance(key_node, yaml.ScalarNode):
            raise ContractError(f"{place}: a key must be a word, not a list or a mapping")
        if key_node.tag.endswith(":merge"):
            raise ContractError(f"{place}: merge keys (<<) are not part of OpenAPI; use a $ref instead")
        key = str(key_node.value)
        if key in result:
            raise ContractError(f"{place}: the key {key!r} is there twice; keep one of them")
        result[key] = loader.construct_object(value_node, deep=True)
    return result


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def _pairs(path: Path) -> Any:
    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in pairs:
            if key in result:
                raise ContractError(f"{path}: the key {key!r} is there twice in one object; keep one of them")
            result[key] = value
        return result

    return build


def _not_json(word: str) -> Any:
    raise ContractError(f"the word {word} is not JSON; write a number or null")


def load(path: Path) -> Any:
    """Read one YAML or JSON file (by its suffix) and return it as JSON values.

    Raises ContractError, naming the file and where possible the line, when it is missing, unparsable, holds a
    duplicate key, or a YAML tag beyond JSON's types.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    if path.suffix == ".json":
        try:
            return json.loads(text, object_pairs_hook=_pairs(path), parse_constant=_not_json)
        except json.JSONDecodeError as error:
            raise ContractError(f"{path}:{error.lineno}: not JSON: {error.msg}") from error
    loader = _Loader(text)
    loader.name = str(path)
    try:
        return loader.get_single_data()
    except yaml.YAMLError as error:
        raise ContractError(f"{path}: not YAML: {error}") from error
    finally:
        loader.dispose()


def load_mapping(path: Path) -> dict[str, Any]:
    """Read one file that must hold a mapping. Raises ContractError as `load` does, or when it is none."""
    data = load(path)
    if not isinstance(data, dict):
        raise ContractError(f"{path}: holds {type(data).__name__}, expected a mapping")
    return data


def pointer(data: Any, path: str, *, place: str) -> Any:
    """Return what a JSON pointer (RFC 6901, `/a/b~1c`) names in `data`.

    Raises ContractError, naming `place`, when nothing is there.
    """
    found = data
    for raw in path.split("/")[1:]:
        part = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            raise ContractError(f"{place}: nothing is at #{path} ({part!r} is missing); correct the $ref")
    return found
