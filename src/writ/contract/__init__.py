"""What the contract says: its documents, the checks on them, and what is generated from them."""
