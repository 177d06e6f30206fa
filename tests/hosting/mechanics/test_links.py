from __future__ import annotations

import os
from itertools import product
from pathlib import Path

import pytest

from writ.hosting.node.links import leaves_tree

CASES = {
    "b": False, "b/c": False, "../x": True, "/x": True, ".": False, "..": True, "b/../c": False,
    "b/../../c": True, "missing/../c": False, "./b/./c": False,
}  # fmt: skip


@pytest.mark.parametrize("target", CASES)
def test_one_link(target: str) -> None:
    assert leaves_tree({"a": target}, "a") is CASES[target]


def test_links_are_followed_as_the_kernel_follows_them(tmp_path: Path) -> None:
    """Every pair of targets, compared with what really happens on a disk."""
    targets = [
        ".",
        "..",
        "d",
        "d/..",
        "d/../..",
        "b",
        "b/..",
        "b/../..",
        "d/e/../..",
        "../tree/d",
        "a",
        "b/d",
    ]
    for number, (a, b) in enumerate(product(targets, repeat=2)):
        tree = tmp_path / str(number) / "tree"
        (tree / "d" / "e").mkdir(parents=True)
        (tree / "a").symlink_to(a)
        (tree / "b").symlink_to(b)
        ours = leaves_tree({"a": a, "b": b}, "a")
        try:
            real = not (tree / "a").resolve(strict=True).is_relative_to(tree)
        except (OSError, RuntimeError):
            continue
        # A way that leaves and comes back by the tree's own name is refused too.
        assert ours or not real, (a, b)
        assert real or not ours or "../tree" in a + b or _passes_outside(tree, a, b), (a, b)


def _passes_outside(tree: Path, a: str, b: str) -> bool:
    """Whether the walk goes above the tree on its way."""
    steps, here = a.split("/"), tree
    while steps:
        here = Path(os.path.realpath(here / steps.pop(0)))
        if not here.is_relative_to(tree):
            return True
    return False


def test_a_linked_in_folder_is_a_boundary() -> None:
    assert not leaves_tree({"m": "wp-content/uploads/x"}, "m", boundary=["wp-content/uploads"])
    assert leaves_tree({"m": "wp-content/uploads/.."}, "m", boundary=["wp-content/uploads"])
