"""Hosting: WordPress sites on real nodes, their environments, releases, backups, caches and domains."""
