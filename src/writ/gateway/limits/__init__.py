"""How much may be done: every limit of a request, decided in one round trip to Redis.

`policy` says what a policy is, `defaults` which there are when nobody has said anything, `subjects` whom a
request is counted for, `rules` what policies make of it; `script.lua` decides, `counter` carries the question
to Redis and back, `headers` tells the answer, and `limiter` puts it together. See docs/rate-limits.md.
"""
