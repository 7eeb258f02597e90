"""The loop: when a Rollout is looked at, and the straight line from reading to writing. Waits, retries; decides nothing."""
