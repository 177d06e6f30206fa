"""Login and logout."""

from __future__ import annotations

from writ.access.cookies import clearing_cookie, session_cookie
from writ.access.login import check_credentials, log_in
from writ.access.origin import check_origin
from writ.access.sessions import actor_of, revoke_session
from writ.gateway.call import Answer, Call


def login(call: Call) -> Answer:
    """Exchange e-mail and password for a session cookie."""
    store, settings = call.services.store, call.services.settings
    # With or without a cookie: a foreign page must not log its visitor in as somebody else.
    check_origin(call.method, call.headers, call.scheme, settings.public_url)
    proof = check_credentials(store, settings, call.body["email"], call.body["password"], call.client_address)
    token = log_in(call.session, proof, settings, call.headers.get("user-agent"))
    call.actor = actor_of(call.session, proof.user_id)
    return Answer(
        body={"success": True}, cookies=(session_cookie(token, settings.session_hours, call.scheme),)
    )


def logout(call: Call) -> Answer:
    """End the session and make the browser forget it."""
    if call.actor is not None and call.actor.session_id is not None:
        revoke_session(call.session, call.actor.session_id)
    return Answer(body={"success": True}, cookies=(clearing_cookie(call.scheme),))
