"""Who is calling: people, their passwords, their sessions, and the checks around a login.

Nothing here knows HTTP routing: the gateway asks `sessions.find_session` whose cookie it holds and
`origin.check_origin` whether a browser was tricked; `handlers` answer login and logout.
"""
