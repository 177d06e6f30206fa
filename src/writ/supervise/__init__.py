"""`writ up`: Redis, server, workers and the sites server as children of one supervisor.

up.py        what a whole Writ is: which children, in which order, and what is printed when they are ready
supervisor.py  starts children, restarts the ones that crash, stops all of them in order
child.py     one child: its process, its log file, and everything that it has started itself
guard.py     outlives a supervisor that was killed, and ends what it left behind
processes.py   which processes belong to a child
redis.py     which Redis to use, and the embedded one
home.py      the home folder: one supervisor at a time, the ports of last time
"""
