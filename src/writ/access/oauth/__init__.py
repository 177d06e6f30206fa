"""Developer applications, and the tokens that OAuth 2 gives them.

`application_*` are the applications and their approval; `server` is Authlib's authorization server over the
tables in `models`; `keys` signs and verifies; `lookup` is on the path of every request that brings a token.
"""
