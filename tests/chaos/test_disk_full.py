"""The node's disk fills up: orders fail as disk_full, what is served stays, and with space they succeed."""

from __future__ import annotations

import functools
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.chaos.chaos import Chaos, running
from tests.chaos.sound import assert_jobs_ended, assert_served, assert_sound, assert_stage_sound, assert_tidy
from tests.chaos.stages import EVERY_STEP, Stage, make_stage
from tests.chaos.visitor import code, files, version, visiting

SIZE = 24 << 20


class Disk:
    """A small file system of its own for the node."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, leave: int = 0) -> None:
        """Use up all space but `leave` bytes."""
        block = bytes(1 << 16)
        with self._filler.open("ab", buffering=0) as file:
            # Until there is no space left; what is left is looked at below.
            with suppress(OSError):
                while True:
                    file.write(block)
            if leave:
                file.truncate(max(0, file.tell() - leave))
            size = os.statvfs(self.folder)
        assert size.f_bavail * size.f_frsize <= leave + (1 << 16)

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


@contextmanager
def mounted(folder: Path) -> Iterator[Disk]:
    folder.mkdir(parents=True, exist_ok=True)
    argv = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "writ-test", str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode != 0:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI has to be able to mount a small disk: {done.stderr}")
        pytest.skip(f"a small disk can only be mounted by root: {done.stderr.strip()}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Chaos, Disk]]:
    """A product whose node has a small disk."""
    folder = tmp_path_factory.mktemp("chaos-disk")
    with (
        mounted(folder / "home" / "nodes" / "local") as disk,
        running(folder, f"sqlite:///{folder / 'writ.db'}") as chaos,
    ):
        yield chaos, disk


def noise(size: int) -> bytes:
    """Bytes that no compression makes smaller."""
    return random.Random(size).randbytes(size)


def full(job: dict[str, object]) -> None:
    assert (job["status"], job["error_code"]) == ("failed", "disk_full"), job
    assert job["error_message"]


def test_orders_that_are_too_large_fail_until_there_is_space(small: tuple[Chaos, Disk]) -> None:
    chaos, disk = small
    _, environment = chaos.production()
    old, new = version("old"), version("new")
    large = {**files(old), "large.bin": noise(3 << 20)}
    chaos.deploy(environment, large)
    backup = chaos.backup(environment)
    after = {**old, **code(new)}
    orders = {
        "deploy": lambda: chaos.order_deploy(environment, {**files(code(new)), "large.bin": noise(4 << 20)}),
        "back up": lambda: chaos.client.post(
            f"/environments/{environment}/backups", json={"backup_scope": "full"}
        ),
        "restore": lambda: chaos.client.post(
            f"/environments/{environment}/restore", json={"backup_id": backup}
        ),
    }
    expected = {"deploy": after, "back up": after, "restore": old}
    with visiting(chaos.product.sites_port, chaos.hostname(environment), old, after) as visitor:
        serves = old
        for name, order in orders.items():
            disk.fill(leave=1 << 20)
            full(chaos.client.finish(order()))
            assert_jobs_ended(chaos)
            assert_served(chaos, environment, serves)
            assert_tidy(chaos, environment)
            disk.free()
            chaos.client.carry_out(order())
            serves = expected[name]
            assert_served(chaos, environment, serves)
        assert_sound(chaos, environment, serves, visitor)


@pytest.fixture(scope="module")
def stages(small: tuple[Chaos, Disk]) -> Callable[[str], Stage]:
    """The stages of the product with the small disk."""
    return functools.cache(lambda kind: make_stage(small[0], kind))


@pytest.mark.parametrize(("kind", "step"), EVERY_STEP)
def test_the_last_byte_goes_when_a_step_begins(
    small: tuple[Chaos, Disk], stages: Callable[[str], Stage], kind: str, step: str
) -> None:
    """Not even the node's own notes can be written from then on."""
    chaos, disk = small
    stage = stages(kind)
    with visiting(chaos.product.sites_port, stage.hostname, stage.now) as visitor:
        chaos.gate.close()
        answer, after = stage.order()
        visitor.known.append(after)
        chaos.hold(answer.json()["job_id"], step)
        disk.fill()
        chaos.gate.open()
        job = chaos.client.finish(answer)
        if job["status"] == "failed":
            full(job)
            after = stage.now
        else:
            # What is left to do needs no space, or can be left out.
            assert step in ("verify", "tidy"), job
        assert_jobs_ended(chaos)
        assert_served(chaos, stage.environment, after)
        disk.free()
        assert_stage_sound(stage, after, visitor)
