"""Calls that leave this machine because a stranger named the address: vetted, pinned, bounded."""
