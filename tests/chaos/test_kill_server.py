"""SIGKILL of the server between the commit of an order and its hand-over: it is carried out, once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select

from tests.chaos.chaos import Chaos
from tests.chaos.sound import assert_stage_sound
from tests.chaos.stages import DeployStage, Stage
from tests.chaos.visitor import visiting
from writ.hosting.models import Release
from writ.jobs.models import Job


def jobs_of(chaos: Chaos, environment: str) -> list[str]:
    """Ids of the jobs of an environment, in the order of acceptance."""
    with chaos.store.read() as connection:
        query = select(Job.id).where(Job.environment_id == UUID(environment)).order_by(Job.sequence)
        return [str(row.id) for row in connection.execute(query)]


@pytest.mark.parametrize("chaos", ["sqlite", "postgresql"], indirect=True)
def test_an_order_is_committed_and_the_server_dies_before_the_hand_over(
    chaos: Chaos, stage: Callable[[str], Stage]
) -> None:
    found = stage("environment.deploy")
    assert isinstance(found, DeployStage)
    after = found.upcoming()
    before = jobs_of(chaos, found.environment)
    with visiting(chaos.product.sites_port, found.hostname, found.now, after) as visitor:
        assert chaos.product.terminate("worker") == 0
        answers: list[object] = []

        def order() -> None:
            try:
                answers.append(found.give())
            except httpx.TransportError as error:
                answers.append(error)

        # The hand-over comes after the commit, and hangs at a Redis that does not answer.
        chaos.redis.freeze()
        client = threading.Thread(target=order)
        client.start()
        new = chaos.until(lambda: jobs_of(chaos, found.environment)[len(before) :])
        chaos.kill("server")
        client.join(10)
        assert isinstance(answers[0], httpx.TransportError), "the server had answered already"
        chaos.redis.kill()

        chaos.redis.start()
        chaos.product.start("server", "worker")
        chaos.log_in()
        chaos.accepted += new
        job = chaos.client.wait(new[0], 30)
        assert job["status"] == "succeeded", job
        assert jobs_of(chaos, found.environment) == [*before, *new]
        assert chaos.job(new[0]).attempt == 1
        with chaos.store.read() as connection:
            made = select(func.count()).where(Release.id == UUID(new[0]))
            assert connection.scalar(made) == 1
        assert_stage_sound(found, after, visitor)
