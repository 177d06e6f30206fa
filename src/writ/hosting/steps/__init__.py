"""The steps of hosting's jobs, by what they work on; jobs.py puts them into kinds."""
