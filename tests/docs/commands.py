"""The commands that documents promise: fenced blocks marked `sh test`, run as a reader would run them.

    ```sh test
    curl --fail "$WRIT_URL/healthz"
    ```

The blocks of one file run in order, in one folder, each in a shell of its own that begins with the variables
that the blocks before it have exported. A block passes when every command in it does (`bash -euo pipefail`).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SECONDS = 120.0
_FENCE = re.compile(r"^( *)(`{3,}|~{3,})(.*)$")


@dataclass(frozen=True)
class Block:
    """A block of commands, and the line where it begins."""

    file: Path
    line: int
    text: str


class WrongBlock(Exception):
    """A block that cannot be read, or whose commands failed; the message is for whoever wrote it."""


def find_blocks(file: Path) -> list[Block]:
    """The blocks of a Markdown file whose fence says `sh test`. Raises WrongBlock for one that has no end."""
    found: list[Block] = []
    lines = enumerate(file.read_text().splitlines(), 1)
    for number, line in lines:
        opening = _FENCE.match(line)
        if opening is None:
            continue
        indent, fence, words = len(opening[1]), opening[2], opening[3].split()
        body = list(_body(lines, indent, fence, f"{file.name}:{number}"))
        if words[:2] == ["sh", "test"]:
            found.append(Block(file, number, "\n".join(body) + "\n"))
    return found


def _body(lines: Iterator[tuple[int, str]], indent: int, fence: str, place: str) -> Iterator[str]:
    for _, line in lines:
        closing = _FENCE.match(line)
        if closing and closing[2].startswith(fence) and not closing[3].strip():
            return
        yield line[indent:] if not line[:indent].strip() else line
    raise WrongBlock(f"{place}: the fence is never closed")


def run_blocks(blocks: list[Block], folder: Path, environment: Mapping[str, str]) -> None:
    """Run the blocks of one file in order. Raises WrongBlock with what a failed one printed."""
    exported = folder / ".exported"
    exported.write_text("")
    for block in blocks:
        script = f'source "{exported}"\n{block.text}\nexport -p > "{exported}"\n'
        place = f"{block.file.name}:{block.line}"
        try:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", script],
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise WrongBlock(f"{place}: not done after {SECONDS:.0f} seconds:\n{block.text}") from None
        if done.returncode != 0:
            said = f"{block.text}\nended with {done.returncode} and said:\n{done.stdout}"
            raise WrongBlock(f"{place}:\n{said}")
