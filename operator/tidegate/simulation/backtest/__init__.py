"""A Rollout over what Prometheus remembers: the real tick over recorded answers, and what became of every limit."""
