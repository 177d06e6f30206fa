"""How rules say no: one exception for refusals and failed jobs, by the codes that the contract names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from writ_contract.errors import ERRORS, ErrorSpec


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault of one field. `field` is a JSON pointer that begins with its place, like `/body/slug`."""

    field: str
    code: str
    message: str

    def as_json(self) -> dict[str, str]:
        """Return the entry of the answer's `errors` list."""
        return {"field": self.field, "code": self.code, "message": self.message}


class Refusal(Exception):
    """What was asked cannot be done, for a reason that the contract names.

    Raised by a handler it is the answer's error; raised by a step of a job it is the job's `error_code`
    and `error_message`. `code` is the UPPER_SNAKE code of the catalogue, and `spec` what the catalogue
    says of it (its status is None for a code that only jobs have). Without `message` it is the catalogue's,
    with what to do about it. `field` names the one field at fault and becomes the only entry of `errors`
    when no list is given. Raises KeyError for a code that is not in the catalogue.
    """

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        field: str | None = None,
        details: dict[str, Any] | None = None,
        errors: list[FieldError] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.spec: ErrorSpec = ERRORS[code]
        self.code = code
        self.message = f"{self.spec.message} {self.spec.remedy}" if message is None else message
        self.details = dict(details or {})
        self.headers = dict(headers or {})
        if errors is None:
            errors = [] if field is None else [FieldError(field, code, self.message)]
        self.errors = list(errors)
        super().__init__(code, self.message)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
