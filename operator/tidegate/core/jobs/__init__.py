"""The Jobs of a Rollout in its memory: which are started, what became of them, which are kept. Decides nothing about the run."""
