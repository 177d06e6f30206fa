"""Measurements: `./scripts/bench --help`."""
