"""The threads that run handlers, with as little as can be between the event loop and them.

`loop.run_in_executor` chains two futures with their locks and conditions for each call, which costs more than
most selects. Here a call costs one future, two queues, and one wake-up of the loop for all calls that end at
about the same time.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

Job = tuple[asyncio.Future[Any], Callable[..., Any], tuple[Any, ...]]
Result = tuple[asyncio.Future[Any], Any, Exception | None]


class Threads:
    """A fixed number of threads that work for one event loop; they start with the first call."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._crew: _Crew | None = None

    def run(self, function: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
        """Call the function in one of the threads; the future is its result. A cancelled one is not begun."""
        loop = asyncio.get_running_loop()
        crew = self._crew
        if crew is None or crew.loop is not loop:
            # Tests have a loop for each of theirs; the threads of a loop that is gone have nothing to do.
            crew = self._crew = _Crew(loop, self._count)
        future = loop.create_future()
        crew.work.put((future, function, arguments))
        return future


class _Crew:
    """The threads of one loop, what waits for them, and what waits for the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int) -> None:
        self.loop = loop
        self.work: SimpleQueue[Job] = SimpleQueue()
        self._done: deque[Result] = deque()
        self._told = False
        for number in range(count):
            # Daemons: a server that is told to stop has given its requests their time before it ends.
            threading.Thread(target=self._serve, name=f"writ-{number}", daemon=True).start()

    def _serve(self) -> None:
        while True:
            future, function, arguments = self.work.get()
            if future.cancelled():
                continue
            try:
                self._done.append((future, function(*arguments), None))
            except Exception as error:
                self._done.append((future, None, error))
            # Nothing of a request is kept while the thread waits for the next one.
            del future, function, arguments
            # The loop unsets `_told` before it looks, so a result that it did not see wakes it again.
            if not self._told:
                self._told = True
                try:
                    self.loop.call_soon_threadsafe(self._deliver)
                except RuntimeError:
                    return  # the loop is closed: nobody waits any more

    def _deliver(self) -> None:
        self._told = False
        while self._done:
            future, result, error = self._done.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            elif isinstance(error, StopIteration):
                # A future does not take it, as it would end the coroutine that waits.
                future.set_exception(RuntimeError("a handler raised StopIteration"))
            else:
                future.set_exception(error)
