"""Limits that are sequential tests on counts: each gathers window by window over a run, and says at any time what is shown."""
