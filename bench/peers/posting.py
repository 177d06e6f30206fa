"""The limit: the product's own client posting signed bytes, and nothing recorded.

python -m bench.peers.posting COUNT PORT…
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from ipaddress import ip_network
from uuid import UUID

import uvloop

from writ.events.lanes import AT_A_TIME
from writ.events.payload import Told, render
from writ.events.sender import Sender
from writ.events.signing import Signer, make_secret
from writ.store.base import new_id


async def main(count: int, ports: list[int]) -> None:
    """Post, and print how long it took."""
    sender = Sender((ip_network("127.0.0.0/8"),))
    targets = [(sender.target(f"http://127.0.0.1:{port}/hook"), Signer(make_secret())) for port in ports]
    event = Told(
        new_id(), "environment.deployed", UUID(int=1), None, "environment:1", {"x": "y" * 400}, None,
        datetime.now(UTC),
    )  # fmt: skip
    body, left, times = render(event, None), count, []

    async def post(at: int) -> None:
        nonlocal left
        target, signer = targets[at % len(targets)]
        while left > 0:
            left -= 1
            begun = time.perf_counter()
            outcome = await sender.post(target, signer, f"evt_{event.id.hex}", event.type, body)
            times.append(time.perf_counter() - begun)
            if not outcome.success:
                raise RuntimeError(outcome.error or outcome.status)

    begun, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(post(at) for at in range(AT_A_TIME * len(targets))))
    seconds, used = time.perf_counter() - begun, time.process_time() - used
    await sender.close()
    times.sort()
    p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
    found = {"rps": len(times) / seconds, "p50_ms": p50 * 1000, "p99_ms": p99 * 1000}
    print(json.dumps({**found, "processor_us": used / len(times) * 1e6}))


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), [int(port) for port in sys.argv[2:]]))
