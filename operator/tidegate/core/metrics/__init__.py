"""What to query for a metric, and what the answers say of it."""
