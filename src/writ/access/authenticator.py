"""The gateway's question "whose credential is this?", answered for session cookies."""

from __future__ import annotations

from writ_contract.errors import UNAUTHORIZED

from writ.access.cookies import COOKIE
from writ.access.origin import check_origin
from writ.access.sessions import find_session
from writ.contract.errors import Refusal
from writ.gateway.call import Actor, Call


class SessionAuthenticator:
    """Meets `writ.gateway.services.Authenticator`."""

    def authenticate(self, call: Call) -> Actor | None:
        """Who holds the request's session cookie; None when it has none.

        Raises Refusal ORIGIN_NOT_ALLOWED when a foreign page sent it, UNAUTHORIZED when the session is
        unknown, ended or expired.
        """
        token = call.cookie(COOKIE)
        if not token:
            return None
        check_origin(call.method, call.headers, call.scheme, call.services.settings.public_url)
        actor = find_session(call.read, token)
        if actor is None:
            raise Refusal(UNAUTHORIZED)
        return actor
