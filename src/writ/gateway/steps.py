"""The steps that a request passes, in their order."""

from __future__ import annotations

from collections.abc import Callable

from writ.gateway.authenticate import authenticate
from writ.gateway.authorize import authorize
from writ.gateway.call import Call
from writ.gateway.limit import limit
from writ.gateway.negotiate import negotiate
from writ.gateway.signature import verify_signature, verify_streamed_body
from writ.gateway.validate import validate_body, validate_parameters

Step = Callable[[Call], None]

BEFORE_BODY: tuple[Step, ...] = (
    authenticate,
    verify_signature,
    limit,
    authorize,
    negotiate,
    validate_parameters,
)
AFTER_BODY: tuple[Step, ...] = (verify_streamed_body, validate_body)
