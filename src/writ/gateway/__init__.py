"""What every request passes, one file a step, in this order.

| step | file | says no with |
|---|---|---|
| the operation is found, the request gets its id | front.py, contract/routing.py | 404, 405 |
| the body is read, bounded | reading.py | 413 |
| authenticate: whose credential is this? | authenticate.py | 401, 403 |
| signature: is it what the caller signed? | signature.py, digest.py | 401, 503 |
| limits: how much may this caller do? | limit.py, services.Limiter | 429 |
| authorize: the operation's scopes | authorize.py | 403 |
| negotiate: media types of answer and body | negotiate.py | 406, 415 |
| parameters and body validated | validate.py | 400, 422 |
| idempotency: has this been answered before? | dispatch.py, services.Once | 409, 422 |
| dispatch: the handler, in one unit of work | dispatch.py | what its rules say |
| answer | reply.py | |
| the audit record, before the answer is sent | services.Recorder | 503 |
| one line in the log | record.py | |

Their list is in steps.py. A step is a function of the Call that raises a Refusal or returns nothing.
Steps run in one thread hop; a body that is streamed to the disk comes between the two groups, so that
nobody unknown can fill the disk.
"""
