"""Who is calling: people, their passwords, their sessions and API keys, and the checks around a login.

Nothing here knows HTTP routing: the gateway asks `authenticator` whose credential it holds, which looks at
keys (`key_lookup`), cookies (`sessions`) and whether a browser was tricked (`origin`); `handlers` answer
login and logout, `key_handlers` what is done with keys.
"""
