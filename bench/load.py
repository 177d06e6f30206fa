"""Load: wrk where it is installed, otherwise a generator in Python that speaks the same plain HTTP/1.1."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.servers import LOAD_CORE, pinned

CONNECTIONS = 16

# wrk's latencies are in microseconds; paths are taken in turn.
_LUA = """
local paths = {}
for line in io.lines("%(paths)s") do paths[#paths + 1] = line end
local at = 0
wrk.method = "%(method)s"
%(headers)s
%(body)s
request = function()
  at = at %% #paths + 1
  return wrk.format(nil, paths[at])
end
done = function(summary, latency, requests)
  io.write(string.format('\\n{"requests": %%d, "seconds": %%f, "failures": %%d,'
    .. ' "p50_ms": %%f, "p99_ms": %%f}\\n', summary.requests, summary.duration / 1e6,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write
      + summary.errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked, over and over; several paths are taken in turn."""

    name: str
    method: str
    paths: Sequence[str]
    headers: Mapping[str, str]
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one round."""

    rps: float
    p50_ms: float
    p99_ms: float


class LoadFailed(Exception):
    """Some answers were refusals: then the figures mean nothing."""


def generator() -> str:
    """Which generator this machine uses."""
    return "wrk" if shutil.which("wrk") else "python"


def press(url: str, request: Request, seconds: float) -> Measured:
    """Keep 16 connections busy for so many seconds.

    Raises:
        LoadFailed: an answer was not a success.
    """
    result = _wrk(url, request, seconds) if generator() == "wrk" else _python(url, request, seconds)
    if result["failures"] or not result["requests"]:
        raise LoadFailed(
            f"{request.name}: {result['failures']:.0f} of {result['requests']:.0f} at {url} failed"
        )
    return Measured(result["requests"] / result["seconds"], result["p50_ms"], result["p99_ms"])


def _wrk(url: str, request: Request, seconds: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        paths, script = Path(folder, "paths"), Path(folder, "script.lua")
        paths.write_text("\n".join(request.paths) + "\n")
        headers = "\n".join(
            f"wrk.headers[{json.dumps(k)}] = {json.dumps(v)}" for k, v in request.headers.items()
        )
        body = f"wrk.body = {json.dumps(request.body)}" if request.body is not None else ""
        script.write_text(_LUA % {"paths": paths, "method": request.method, "headers": headers, "body": body})
        argv = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "-s", str(script), url]
        if seconds != int(seconds):
            argv[3] = f"-d{max(1, round(seconds))}s"
        said = subprocess.run(
            pinned(LOAD_CORE, argv), capture_output=True, text=True, check=True, timeout=seconds + 30
        )
    found: dict[str, float] = json.loads(said.stdout.strip().splitlines()[-1])
    return found


def _python(url: str, request: Request, seconds: float) -> dict[str, float]:
    # In a process of its own, so that it can have a core of its own.
    question = json.dumps({"url": url, "seconds": seconds, "request": asdict(request)})
    argv = pinned(LOAD_CORE, [sys.executable, "-m", "bench.load"])
    said = subprocess.run(
        argv, input=question, capture_output=True, text=True, check=True, timeout=seconds + 30
    )
    found: dict[str, float] = json.loads(said.stdout)
    return found


async def _keep_busy(url: str, request: Request, seconds: float) -> dict[str, float]:
    address = urlsplit(url)
    begun = time.perf_counter()
    end = begun + seconds
    times: list[float] = []
    failures = 0
    body = (request.body or "").encode()
    lines = [f"{name}: {value}\r\n" for name, value in request.headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}\r\n")
    tail = f" HTTP/1.1\r\nHost: {address.netloc}\r\n{''.join(lines)}\r\n".encode() + body
    wanted = [f"{request.method} {path}".encode() + tail for path in request.paths]

    async def one(number: int) -> None:
        nonlocal failures
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        while (start := time.perf_counter()) < end:
            writer.write(wanted[number % len(wanted)])
            number += CONNECTIONS
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length")
            )
            await reader.readexactly(length)
            failures += head[9:10] != b"2"
            times.append(time.perf_counter() - start)
        writer.close()

    await asyncio.gather(*(one(number) for number in range(CONNECTIONS)))
    spent = time.perf_counter() - begun
    times.sort()
    return {
        "requests": len(times),
        "seconds": spent,
        "failures": failures,
        "p50_ms": times[len(times) // 2] * 1000,
        "p99_ms": times[min(len(times) - 1, len(times) * 99 // 100)] * 1000,
    }


if __name__ == "__main__":
    import uvloop

    asked = json.load(sys.stdin)
    print(json.dumps(uvloop.run(_keep_busy(asked["url"], Request(**asked["request"]), asked["seconds"]))))
