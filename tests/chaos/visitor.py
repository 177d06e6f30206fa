"""A visitor who never stops looking: every answer has to be a whole version of the site."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

Version = Mapping[str, str]
"""Path to content, e.g. `/a.txt`; every version of a site has the same paths."""

PAUSE_SECONDS = 0.02


def version(word: str, content: str | None = None) -> Version:
    """A version whose files all say `word`, with uploads that say `content` (as `word` when not given)."""
    return {
        "/index.html": f"<h1>{word}</h1>\n",
        "/pages/about.html": f"about {word}\n",
        "/pages/deep/er/style.css": f"/* {word} */\n",
        "/wp-content/uploads/photo.txt": f"content {content or word}\n",
    }


def code(found: Version) -> Version:
    """The part of a version that a deploy brings."""
    return {path: text for path, text in found.items() if "/uploads/" not in path}


def files(found: Version) -> dict[str, str]:
    """The version as files of a source."""
    return {path.lstrip("/"): text for path, text in found.items()}


class Visitor(threading.Thread):
    """Looks at all files of a site, over and over. `known` holds the versions that it may meet."""

    def __init__(self, port: int, hostname: str, known: list[Version]) -> None:
        super().__init__(daemon=True)
        self.known = known
        self.faults: list[str] = []
        self.rounds = 0
        self._port, self._hostname = port, hostname
        self._done = threading.Event()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        while not self._done.is_set() and len(self.faults) < 10:
            try:
                self._round(connection)
            except (OSError, http.client.HTTPException) as error:
                self.faults.append(f"no answer: {error!r}")
                connection.close()
            self._done.wait(PAUSE_SECONDS)
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, path: str) -> str:
        connection.request("GET", path, headers={"Host": self._hostname})
        answer = connection.getresponse()
        text = answer.read().decode()
        known = {found[path] for found in list(self.known)}
        if answer.status != 200 or text not in known:
            self.faults.append(f"{path}: {answer.status} {text[:80]!r}, known: {sorted(known)}")
        return text

    def _round(self, connection: http.client.HTTPConnection) -> None:
        paths = list(self.known[0])
        # In pairs: when the first file is the same before and after, no swap was in between.
        first = self._ask(connection, paths[0])
        seen = {paths[0]: first} | {path: self._ask(connection, path) for path in paths[1:]}
        if self._ask(connection, paths[0]) == first and seen not in [dict(it) for it in list(self.known)]:
            self.faults.append(f"a mixture: {seen}")
        self.rounds += 1

    def finish(self) -> None:
        self._done.set()
        self.join(20)
        assert not self.faults, self.faults
        assert self.rounds > 0, "the visitor saw nothing"


@contextmanager
def visiting(port: int, hostname: str, *known: Version) -> Iterator[Visitor]:
    """A visitor at work; at the end every answer must have been a whole known version."""
    visitor = Visitor(port, hostname, list(known))
    visitor.start()
    try:
        yield visitor
    except BaseException:
        visitor._done.set()
        visitor.join(20)
        raise
    visitor.finish()
