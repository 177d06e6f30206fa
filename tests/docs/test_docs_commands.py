"""What README and docs/ tell people to type works, and the runner that says so can fail."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.docs.commands import WrongBlock, find_blocks, run_blocks
from tests.support.product import EMAIL, PASSWORD, ROOT, Product

FILES = [file for file in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if file.is_file()]
WITH_BLOCKS = [file for file in FILES if find_blocks(file)]


@pytest.mark.parametrize("file", WITH_BLOCKS, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_commands_of_the_document_work(file: Path, product: Product, tmp_path: Path) -> None:
    """Blocks see WRIT_URL and WRIT_SITES_URL (no slash at the end), WRIT_EMAIL, WRIT_PASSWORD, and `writ`."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("WRIT_")},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "WRIT_URL": product.url,
        "WRIT_EMAIL": EMAIL,
        "WRIT_PASSWORD": PASSWORD,
        "WRIT_SITES_URL": f"http://127.0.0.1:{product.sites_port}",
    }
    run_blocks(find_blocks(file), tmp_path, environment)


def write(folder: Path, text: str) -> Path:
    file = folder / "page.md"
    file.write_text(text)
    return file


def test_only_marked_blocks_are_run(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "```sh\nfalse\n```\n\n````md\n```sh test\nfalse\n```\n````\n\n"
        "1. a list\n\n   ```sh test\n   true\n   ```\n",
    )
    blocks = find_blocks(file)
    assert [(block.line, block.text) for block in blocks] == [(13, "true\n")]


def test_a_variable_goes_on_to_the_next_block(tmp_path: Path) -> None:
    file = write(tmp_path, '```sh test\nexport KEPT="a b"\n```\n```sh test\ntest "$KEPT" = "a b"\n```\n')
    run_blocks(find_blocks(file), tmp_path, os.environ)


@pytest.mark.parametrize("text", ["false\ntrue", "false | true", 'echo "$NOT_SET_ANYWHERE"'])
def test_a_command_that_fails_fails_its_block(tmp_path: Path, text: str) -> None:
    file = write(tmp_path, f"```sh test\n{text}\n```\n")
    with pytest.raises(WrongBlock, match=r"page\.md:1"):
        run_blocks(find_blocks(file), tmp_path, os.environ)


def test_a_fence_without_an_end_is_told(tmp_path: Path) -> None:
    with pytest.raises(WrongBlock, match="never closed"):
        find_blocks(write(tmp_path, "```sh test\ntrue\n"))
