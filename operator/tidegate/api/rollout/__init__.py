"""`Rollout`: its spec part by part, and its status."""
