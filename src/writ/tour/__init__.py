"""The tour: a person's first hour with Writ, by its public API only, with every claim checked from outside.

tour.py     the story, stop by stop
api.py      the client: login, orders, jobs, and the sites as visitors see them
sources.py  what is deployed: a real git repository, and archives
folder.py   the temporary home of a tour that starts its own Writ
show.py     progress bars, checks and the table of jobs
"""
