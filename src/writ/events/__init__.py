"""What others hear: the event log, its streams, and the webhooks that carry it elsewhere."""
