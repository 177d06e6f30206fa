"""Writ: a contract-first control plane whose orders are carried out once, visibly, to the end."""

import warnings

__version__ = "0.1.0"

# Connexion imports Starlette's test client, which nothing here uses and which warns about its own future.
warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient`", module="connexion")
