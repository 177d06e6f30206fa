"""Stages: an environment with all that an order of one kind needs, which can be given over and over."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod

import httpx

from tests.chaos.chaos import Chaos
from tests.chaos.visitor import Version, code, files, version
from writ.hosting.jobs import KINDS

_number = itertools.count(1)


def word() -> str:
    return f"v{next(_number)}"


def write_content(chaos: Chaos, environment: str, text: str) -> None:
    """What an editor of the live site does: other content, in one rename."""
    photo = chaos.live(environment) / "wp-content" / "uploads" / "photo.txt"
    part = photo.with_name("photo.part")
    part.write_text(f"content {text}\n")
    part.replace(photo)


class Stage(ABC):
    """An environment that serves `now`. It is `sound` when a test has looked at it after its last order."""

    def __init__(self, chaos: Chaos) -> None:
        self.chaos = chaos
        self.site, self.environment = chaos.production()
        self.hostname = chaos.hostname(self.environment)
        self.now = version(word())
        chaos.deploy(self.environment, files(self.now))
        self.sound = False
        self.prepare()

    @abstractmethod
    def prepare(self) -> None:
        """Make what the orders need beside the environment."""

    @abstractmethod
    def order(self) -> tuple[httpx.Response, Version]:
        """Give the order; what is served when it has succeeded."""


class DeployStage(Stage):
    """A deploy from git: a new commit each time."""

    def prepare(self) -> None:
        self.repository = self.chaos.repository_with(files(self.now))

    def next_version(self) -> Version:
        """A version that was never there, with the content that is served."""
        return {**self.now, **code(version(word()))}

    def upcoming(self) -> Version:
        """What the next order will bring: a new commit."""
        after = self.next_version()
        self.repository.commit(files(code(after)))
        return after

    def order(self) -> tuple[httpx.Response, Version]:
        after = self.upcoming()
        return self.give(), after

    def give(self) -> httpx.Response:
        """Order the commit that is there."""
        return self.chaos.order_git(self.environment, f"{self.repository.url}#main")


class RestoreStage(Stage):
    """A restore of one of two backups, in turn."""

    def prepare(self) -> None:
        self.backups: list[tuple[str, Version]] = []
        for _ in range(2):
            name = word()
            self.now = version(name)
            self.chaos.deploy(self.environment, files(self.now))
            write_content(self.chaos, self.environment, name)
            self.backups.append((self.chaos.backup(self.environment), self.now))

    def order(self) -> tuple[httpx.Response, Version]:
        backup, after = self.backups[0]
        self.backups.reverse()
        body = {"backup_id": backup}
        return self.chaos.client.post(f"/environments/{self.environment}/restore", json=body), after


class PromoteStage(Stage):
    """A promotion of code and content from one of two environments, in turn."""

    def prepare(self) -> None:
        self.sources: list[tuple[str, Version]] = []
        for slug in ("first", "second"):
            source, found = self.chaos.environment(self.site, slug), version(word())
            self.chaos.deploy(source, files(found))
            self.sources.append((source, found))

    def order(self) -> tuple[httpx.Response, Version]:
        source, after = self.sources[0]
        self.sources.reverse()
        body = {"target_environment_id": self.environment, "promotion_preset": "full"}
        return self.chaos.client.post(f"/environments/{source}/promote", json=body), after


STAGES: dict[str, type[Stage]] = {
    "environment.deploy": DeployStage,
    "environment.restore": RestoreStage,
    "environment.promote": PromoteStage,
}

EVERY_STEP = [(kind.name, step.name) for kind in KINDS if kind.name in STAGES for step in kind.steps]
assert {kind for kind, _ in EVERY_STEP} == set(STAGES)


def make_stage(chaos: Chaos, kind: str) -> Stage:
    """A stage for orders of this kind."""
    return STAGES[kind](chaos)
