"""A gateway without limits, kept answers or records: what parts of it are tried with."""

from __future__ import annotations

from writ.contract.errors import Refusal
from writ.gateway.call import Actor, Call
from writ.gateway.limits.limiter import Quota
from writ.gateway.reply import Reply
from writ.gateway.trace import Trace


class NoLimits:
    """Meets `services.Limiter`; everything is admitted."""

    def admit(self, call: Call) -> None:
        """Admit it."""

    def admit_stranger(self, trace: Trace) -> None:
        """Admit it."""

    def quotas_of(self, actor: Actor) -> list[Quota]:
        """There are none."""
        return []


class NothingKept:
    """Meets `services.Once`; every request is carried out."""

    def begin(self, call: Call) -> Reply | None:
        """Carry it out."""
        return None

    def keep(self, call: Call, reply: Reply) -> Reply | None:
        """Forget it."""
        return None

    def keep_refusal(self, call: Call, refusal: Refusal, reply: Reply) -> Reply | None:
        """Forget it."""
        return None

    def end(self, call: Call) -> None:
        """Nothing was begun."""


class NoRecords:
    """Meets `services.Recorder`; nothing is recorded."""

    def record_written(self, call: Call, reply: Reply) -> None:
        """Forget it."""

    def record(self, trace: Trace, status: int, code: str | None, response_bytes: int) -> None:
        """Forget it."""
