"""Answers on a terminal or in a pipe: tables and lines for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click

Row = dict[str, Any]


class Show:
    """Prints what a command found. Programs get JSON on standard output and nothing else there."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def one(self, item: Row, hide: Sequence[str] = ()) -> None:
        """One thing, a line for each of its fields."""
        if self.as_json:
            click.echo(json.dumps(item, ensure_ascii=False))
            return
        shown = {name: value for name, value in item.items() if name not in hide}
        width = max(map(len, shown), default=0)
        for name, value in shown.items():
            click.echo(f"{name:<{width}}  {plain(value)}")

    def many(self, items: Iterable[Row], columns: Sequence[str]) -> None:
        """A list: a table of the named columns, or a line of JSON an item as soon as it is there."""
        if self.as_json:
            for item in items:
                click.echo(json.dumps(item, ensure_ascii=False))
            return
        from rich.console import Console
        from rich.table import Table

        rows = [[plain(item.get(name)) for name in columns] for item in items]
        if not rows:
            click.echo("There are none.", err=True)
            return
        console = Console(highlight=False, markup=False)
        if not console.is_terminal:
            # A pipe has no width: nothing is folded or cut.
            for row in ([*columns], *rows):
                click.echo("\t".join(row))
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in columns:
            table.add_column(name, overflow="fold", no_wrap=name == "id")
        for row in rows:
            table.add_row(*row)
        console.print(table)

    def note(self, text: str) -> None:
        """A remark for people, on standard error."""
        click.echo(text, err=True)


def plain(value: Any) -> str:
    """A value as a person reads it in one line."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(plain, value)) or "-"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
