"""`tidegate status`: what a Rollout is doing, and why."""
