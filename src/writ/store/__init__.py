"""The store: engine, base class, units of work, migrations, files."""
