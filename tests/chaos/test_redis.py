"""Redis stops and starts again, with everything in it lost, while jobs wait and run."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.chaos.chaos import Chaos
from tests.chaos.sound import assert_stage_sound
from tests.chaos.stages import DeployStage, Stage
from tests.chaos.visitor import files, visiting


@pytest.mark.parametrize("chaos", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.parametrize("finishes", ["while Redis is away", "when Redis is back"])
def test_redis_loses_everything(chaos: Chaos, stage: Callable[[str], Stage], finishes: str) -> None:
    found = stage("environment.deploy")
    assert isinstance(found, DeployStage)
    with visiting(chaos.product.sites_port, found.hostname, found.now) as visitor:
        chaos.gate.close()
        running, first = found.order()
        job_id = running.json()["job_id"]
        chaos.hold(job_id, "unpack")
        # On the same environment: it waits for its turn. The other is in RQ's queue.
        second = found.next_version()
        queued = chaos.order_deploy(found.environment, files(second))
        beside = chaos.client.post("/sites", json={"name": "Beside", "slug": chaos.slug()})
        visitor.known += [first, second]

        chaos.redis.kill()
        begun = time.monotonic()
        third = found.next_version()
        visitor.known.append(third)
        order = chaos.order_deploy(found.environment, files(third))
        assert order.status_code == 202
        # Nobody waits for a Redis that is away: an upload and two answers fit into this.
        assert time.monotonic() - begun < 5
        if finishes == "while Redis is away":
            chaos.gate.open()
            assert chaos.client.wait(job_id, 20)["status"] == "succeeded"
        chaos.redis.start()
        if finishes == "when Redis is back":
            chaos.gate.open()
        for answer in (running, queued, beside, order):
            chaos.client.carry_out(answer, 60)
            assert chaos.job(answer.json()["job_id"]).attempt == 1
        assert_stage_sound(found, third, visitor)
