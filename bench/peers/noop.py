"""What RQ alone is given to do."""


def noop() -> None:
    """Nothing."""
