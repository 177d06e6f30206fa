"""What happened: the audit log, its usage figures, and the answers kept for repeated requests."""
