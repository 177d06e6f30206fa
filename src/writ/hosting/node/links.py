"""Where symlinks lead, judged without a disk."""

from __future__ import annotations

from collections.abc import Collection, Mapping

MAX_HOPS = 40


def leaves_tree(links: Mapping[str, str], path: str, *, boundary: Collection[str] = ()) -> bool:
    """Say whether the link at `path` leads out of its tree, or round in a circle.

    `links` maps the path of every link in the tree to its target as written. Each component is followed
    through the other links, as the kernel would: `a -> d/..` is harmless by its letters, and an escape when
    `d -> .`. A link that reaches a path of `boundary` (a folder that is linked in on purpose) may go
    deeper, not back up.
    """
    pending = path.split("/")[::-1]
    here: list[str] = []
    hops = 0
    while pending:
        step = pending.pop()
        if step in ("", "."):
            continue
        if step == "..":
            if not here or "/".join(here) in boundary:
                return True
            here.pop()
            continue
        here.append(step)
        target = links.get("/".join(here))
        if target is None:
            continue
        hops += 1
        if hops > MAX_HOPS or target.startswith("/"):
            return True
        here.pop()
        pending.extend(target.split("/")[::-1])
    return False
