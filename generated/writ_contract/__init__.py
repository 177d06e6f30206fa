"""The contract as Python: generated constants, nothing that acts.

Written by scripts/generate from contracts/; not edited by hand.
"""
