"""docs/config-matrix.md: every setting, from the class that reads it."""

from __future__ import annotations

import importlib
import types
import typing
from typing import Any

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from writ.contract.emit.docs import cell
from writ.contract.emit.source import Source

PATH = "docs/config-matrix.md"
_NOTE = "<!-- Written by scripts/generate from src/writ/settings.py; not edited by hand. -->\n\n"


def emit(source: Source) -> dict[str, str]:
    """Return the page's text by its path; nothing for a project without `src/writ/settings.py`."""
    if not (source.root / "src" / "writ" / "settings.py").exists():
        return {}
    settings = importlib.import_module("writ.settings").Settings
    prefix = settings.model_config.get("env_prefix", "")
    lines = [
        _NOTE,
        "# Settings\n\n",
        "Read once, at start, from the environment. A list is written with commas; an empty variable counts "
        "as none.\n\n",
        "| variable | type | default | what it does |\n|---|---|---|---|\n",
    ]
    for name, field in settings.model_fields.items():
        cells = (_type(field.annotation), _default(field), field.description or "")
        lines.append(f"| `{(prefix + name).upper()}` | {' | '.join(cell(text) for text in cells)} |\n")
    return {PATH: "".join(lines)}


def _type(annotation: Any) -> str:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(inner[0])
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_type(item) for item in inner if item is not type(None))
    if origin is typing.Literal:
        return " or ".join(f"`{item}`" for item in inner)
    if origin in (tuple, list, frozenset):
        return f"list of {_type(inner[0])}"
    names = {"str": "text", "int": "whole number", "float": "number", "bool": "yes or no", "Path": "path"}
    names |= {"IPv4Network": "IPv4 network", "IPv6Network": "IPv6 network"}
    name = getattr(annotation, "__name__", str(annotation))
    return "secret text" if annotation is SecretStr else names.get(name, name)


def _default(field: Any) -> str:
    if field.default is PydanticUndefined:
        return "computed" if field.default_factory else "required"
    if field.default is None:
        return "—"
    if isinstance(field.default, (tuple, list, frozenset)):
        return ", ".join(f"`{item}`" for item in field.default) or "none"
    return f"`{field.default}`"
