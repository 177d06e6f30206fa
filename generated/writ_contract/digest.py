"""The contract that all of this was made of.

Written by scripts/generate from contracts/; not edited by hand.
"""

SHA256 = "b15b8ab98f7f2e7f26ca9d620569a0b1c81c4c809fa8a8dee7ce4872193c013d"
"""Of the file openapi.json, in hexadecimal."""
