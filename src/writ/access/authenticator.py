"""The gateway's question "whose credential is this?", answered for API keys, access tokens and cookies."""

from __future__ import annotations

from writ_contract.errors import MALFORMED_REQUEST, UNAUTHORIZED

from writ.access.cookies import COOKIE
from writ.access.key_cache import KeyCache
from writ.access.key_secrets import good_secrets
from writ.access.key_text import PREFIX, visible_prefix
from writ.access.oauth.lookup import find_token, looks_like_token
from writ.access.oauth.server import fixed_issuer
from writ.access.origin import check_origin
from writ.access.sessions import find_session
from writ.contract.errors import Refusal
from writ.gateway.call import Actor, Call
from writ.gateway.services import Signing

_BEARER = "bearer "


class CredentialAuthenticator:
    """Meets `writ.gateway.services.Authenticator`. Credentials are told apart by their place and their shape.

    What is in `Authorization: Bearer` or `X-API-Key` was put there on purpose and comes before the cookie,
    which browsers send by themselves: with it there the cookie counts for nothing, so its origin need not be
    checked, and a bad one is refused although the cookie may be good. Both headers may hold the same one.
    """

    def __init__(self) -> None:
        self.keys = KeyCache()

    def authenticate(self, call: Call) -> Actor | None:
        """Who calls; None when the request has no credential.

        Raises Refusal MALFORMED_REQUEST for two headers with different credentials; UNAUTHORIZED or what
        `KeyCache.find` or `find_token` says for one that is not good; ORIGIN_NOT_ALLOWED for a cookie
        from a foreign page.
        """
        text = _in_headers(call)
        if text is not None:
            if looks_like_token(text):
                return find_token(call.read, text, fixed_issuer(call))
            if not text.startswith(PREFIX):
                raise Refusal(UNAUTHORIZED)
            return self.keys.find(call, text)
        token = call.cookie(COOKIE)
        if not token:
            return None
        check_origin(call.method, call.headers, call.scheme, call.services.settings.public_url)
        actor = find_session(call.read, token)
        if actor is None:
            raise Refusal(UNAUTHORIZED)
        return actor

    def signing(self, call: Call, actor: Actor) -> Signing | None:
        """What a request of this caller is signed with; None for all but keys, which alone have a secret."""
        if actor.key_id is None:
            return None
        secrets = good_secrets(call.read, call.services.sealer, actor.key_id)
        names = {str(actor.key_id), *(visible_prefix(actor.key_id, mode) for mode in ("live", "test"))}
        return Signing(str(actor.key_id), frozenset(names), tuple(secret.encode() for secret in secrets))


def _in_headers(call: Call) -> str | None:
    # Other schemes of Authorization are left to whoever stands in front, such as a proxy that asks for Basic.
    header = call.headers.get("authorization", "")
    bearer = header[len(_BEARER) :].strip() if header[: len(_BEARER)].lower() == _BEARER else None
    key = call.headers.get("x-api-key")
    if bearer is not None and key is not None and bearer != key:
        raise Refusal(
            MALFORMED_REQUEST, "Authorization and X-API-Key hold different credentials; send one of them."
        )
    return bearer if bearer is not None else key
