"""The composition roots of the processes that serve no requests, one file a process.

Apart from `app`, so that they need neither the contract's stack nor any system.
"""
