"""A stand-in for a child: says what happens to it, in lines `<name> <event>` of the file $EVENTS.

    stand_in.py <name> [stubborn] [crash] [fork]

stubborn: the first SIGTERM is noted only, the second ends it. deaf: no SIGTERM ends it.
crash: ends with status 3 at once. fork: leaves a process of a session of its own behind, which ignores
SIGTERM.
"""

import os
import signal
import subprocess
import sys
import time

name, *traits = sys.argv[1:]
terms = 0


def note(event: str) -> None:
    with open(os.environ["EVENTS"], "a") as events:
        events.write(f"{name} {event}\n")


def on_term(number: int, frame: object) -> None:
    global terms
    terms += 1
    note("term")
    if "deaf" in traits or ("stubborn" in traits and terms == 1):
        return
    note("end")
    sys.exit(0)


signal.signal(signal.SIGTERM, on_term)
print("ERROR: a serious line" if "crash" in traits else "an ordinary line", flush=True)
note(f"start {os.getpid()}")
if "crash" in traits:
    sys.exit(3)
if "fork" in traits:
    sleeper = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    grandchild = subprocess.Popen([sys.executable, "-c", sleeper], start_new_session=True)
    note(f"grandchild {grandchild.pid}")
while True:
    time.sleep(0.05)
