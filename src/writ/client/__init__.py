"""The command line of people and scripts that use a Writ: the public API and a key, nothing else."""
